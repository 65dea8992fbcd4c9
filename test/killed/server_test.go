//go:build e2e

package killed

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

const (
	user, password = "alice", "right"
	// bigSize takes some seconds at the rate that sessions are limited to.
	bigSize, rate = 16 << 20, 4 << 20
)

// A place is where a server keeps its files.
type place string

const (
	atomicVolume place = "a volume, with atomic uploads"
	volume       place = "a volume"
	bucket       place = "a bucket"
)

// A fileserver is the real server, with a folder of its own.
type fileserver struct {
	*fixture.Process
	place       place
	store       *fixture.Store // of a bucket
	dir         string
	ftp, ssh    string // ports
	http        int
	fingerprint string // of the host key
	obscured    string // the password, as rclone has it

	mu    sync.Mutex
	names []string // of files whose clients were killed
}

func (s *fileserver) home() string {
	if s.store != nil {
		return s.store.Home(user)
	}
	return filepath.Join(s.dir, fixture.DataDir, user)
}

// signs are patterns of names of what is there when a file has begun to come. A bucket has a record
// when the first part is on its way.
func (s *fileserver) signs(name string) []string {
	if s.store != nil {
		return []string{filepath.Join(s.store.Folder, "ftp", ".upload.*", user, name)}
	}
	return []string{filepath.Join(s.home(), name), filepath.Join(s.home(), ".upload.*."+name)}
}

// feed is how many bytes are given to a client that reads its standard input: in a bucket, more than
// a part and what client and server hold back, so that the part is sent.
func (s *fileserver) feed() int64 {
	if s.store != nil {
		return config.MinPartSize + 2<<20 + rand.Int64N(config.MinPartSize)
	}
	return 100_000 + rand.Int64N(400_000)
}

func start(t *testing.T, p place) *fileserver {
	t.Helper()
	s := &fileserver{place: p, dir: t.TempDir()}
	if p == bucket {
		program := os.Getenv("VERSITYGW")
		if program == "" {
			t.Fatal("VERSITYGW is not set to the path of versitygw: `make e2e` builds it")
		}
		var err error
		if s.store, err = fixture.StartGateway(t.Context(), program, filepath.Join(s.dir, "store")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.store.Stop)
	}
	s.configure(t)
	out, err := exec.Command("rclone", "obscure", password).Output()
	if err != nil {
		t.Fatal(err)
	}
	s.obscured = strings.TrimSpace(string(out))
	binary, err := fixture.Build(t.Context(), s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.Process, err = fixture.Start(t.Context(), binary, s.dir, s.http); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// configure writes all that server and clients need.
func (s *fileserver) configure(t *testing.T) {
	t.Helper()
	ports, err := fixture.FreePorts(100)
	if err != nil {
		t.Fatal(err)
	}
	s.ftp, s.ssh, s.http = strconv.Itoa(ports.FTP), strconv.Itoa(ports.SFTP), ports.HTTP
	host, key := fixture.NewSSHKey(), fixture.NewSSHKey()
	s.fingerprint = ssh.FingerprintSHA256(host.Signer.PublicKey())
	c := fixture.Config(s.dir, ports)
	c.Storage.AtomicUploads = s.place == atomicVolume
	c.Sessions.Bandwidth.Upload = rate
	if s.store != nil {
		c.Storage = config.Storage{Bucket: s.store.Config(), AtomicUploads: true}
		c.Storage.Bucket.PartSize = config.MinPartSize
		c.Sessions.Bandwidth.Upload = 4 * rate // the first part is to come soon
	}
	c.Drain = config.Drain{}
	alice := fixture.User(user, password)
	alice.AuthorizedKeys = []string{key.Authorized}
	if err := errors.Join(fixture.WriteKeys(s.dir, fixture.NewCertificate(), host), fixture.WriteConfig(s.dir, c, alice),
		os.MkdirAll(s.home(), 0o770)); err != nil {
		t.Fatal(err)
	}
	s.write(t, "key", key.PEM)
	s.write(t, "key.pub", []byte(key.Authorized+"\n"))
	s.write(t, "big", make([]byte, bigSize))
}

func (s *fileserver) write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *fileserver) get(path string) (string, error) {
	r, err := http.Get("http://" + fixture.Address(s.http) + "/" + path)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", r.StatusCode, b)
	}
	return string(b), err
}

func (s *fileserver) killed(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = append(s.names, name)
}

// judge says what has become of the uploads.
func (s *fileserver) judge(t *testing.T, least int) {
	t.Helper()
	s.settle(t)
	outcomes := s.log(t)
	published, untold := 0, 0
	for _, name := range s.names {
		if info, err := os.Stat(filepath.Join(s.home(), name)); err == nil && s.place != volume && info.Size() < bigSize {
			published++
			t.Errorf("%s: %d bytes of it are published", name, info.Size())
		}
		if outcomes["/"+name] != "aborted" && outcomes["/"+name] != "failed" {
			untold++
			t.Errorf("%s: the log has %q and not that the upload failed", name, outcomes["/"+name])
		}
	}
	if metrics, err := s.get("metrics"); err != nil {
		t.Error(err)
	} else if failed := counted(metrics, `result="failure"`); failed < len(s.names) {
		t.Errorf("%d failed transfers are counted, of %d", failed, len(s.names))
	}
	if len(s.names) < least && *only == "" {
		t.Errorf("%d clients were killed, want %d", len(s.names), least)
	}
	t.Logf("%s: killed=%d published=%d untold=%d", s.place, len(s.names), published, untold)
}

// settle waits until the server has noticed that all clients have gone.
func (s *fileserver) settle(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		var loaded struct{ Sessions, Transfers int }
		text, err := s.get("configz")
		if err == nil {
			err = json.Unmarshal([]byte(text), &loaded)
		}
		if err == nil && loaded.Sessions == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("sessions of killed clients are still there: %+v, %v", loaded, err)
			return
		}
	}
}

// log returns the result of the last upload of each file.
func (s *fileserver) log(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		var line struct{ Audit, Event, Result, Path string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Audit != "" && line.Event == "upload" {
			last[line.Path] = line.Result
		}
	}
	return last
}

// counted adds up the counters of transfers with a label.
func counted(metrics, label string) (sum int) {
	for line := range strings.Lines(metrics) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if n, err := strconv.ParseFloat(value, 64); ok && err == nil && strings.Contains(name, "transfers_total") && strings.Contains(name, label) {
			sum += int(n)
		}
	}
	return sum
}
