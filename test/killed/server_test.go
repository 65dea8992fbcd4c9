//go:build e2e

package killed

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/ssh"
)

const (
	user, password = "alice", "right"
	// bigSize takes some seconds at the rate that sessions are limited to.
	bigSize, rate = 16 << 20, 4 << 20
)

// A fileserver is the real server, with a folder of its own.
type fileserver struct {
	atomic      bool
	dir         string
	ftp, data   string // ports
	ssh, http   string
	fingerprint string // of the host key
	obscured    string // the password, as rclone has it

	mu    sync.Mutex
	names []string // of files whose clients were killed
}

func (s *fileserver) home() string { return filepath.Join(s.dir, "data", user) }

func start(t *testing.T, atomic bool) *fileserver {
	t.Helper()
	s := &fileserver{atomic: atomic, dir: t.TempDir()}
	ports := freePorts(t, 4)
	s.ftp, s.data, s.ssh, s.http = ports[0], ports[1], ports[2], ports[3]
	s.keys(t)
	s.configure(t)
	out, err := exec.Command("rclone", "obscure", password).Output()
	if err != nil {
		t.Fatal(err)
	}
	s.obscured = strings.TrimSpace(string(out))
	binary := filepath.Join(s.dir, "fileserver")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/fileserver").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	cmd := exec.Command(binary, "--config", filepath.Join(s.dir, "config.json"), "--http-address", "127.0.0.1:"+s.http)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := s.get("readyz"); err == nil {
			return s
		} else if time.Now().After(deadline) {
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("the server is not ready: %v\n%s", err, said)
		}
	}
}

// freePorts are ports that nobody has, out of a range of which the system gives
// none to whoever asks for any.
func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(10_000 + mathrand.IntN(10_000))
		l, err := net.Listen("tcp", ":"+port)
		if err != nil {
			continue
		}
		defer l.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatal("no port is free")
	return nil
}

func (s *fileserver) write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// keys makes the keys of server and user.
func (s *fileserver) keys(t *testing.T) {
	t.Helper()
	for _, name := range []string{"host_key", "key"} {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		block, err := ssh.MarshalPrivateKey(private, "")
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, name, pem.EncodeToMemory(block))
		key, err := ssh.NewPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, name+".pub", ssh.MarshalAuthorizedKey(key))
		if name == "host_key" {
			s.fingerprint = ssh.FingerprintSHA256(key)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "tls.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	s.write(t, "tls.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	s.write(t, "big", make([]byte, bigSize))
}

func (s *fileserver) configure(t *testing.T) {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(filepath.Join(s.dir, "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.home(), 0o770); err != nil {
		t.Fatal(err)
	}
	port := func(s string) int { n, _ := strconv.Atoi(s); return n }
	first := 20_000 + mathrand.IntN(120)*100
	in := func(name string) string { return filepath.Join(s.dir, name) }
	for name, content := range map[string]any{
		"users.json": map[string]any{"version": "v1", "users": []any{map[string]any{
			"name": user, "passwordHash": string(hash), "home": user, "access": "ReadWrite",
			"authorizedKeys": []string{strings.TrimSpace(string(public))},
		}}},
		"config.json": map[string]any{
			"version": "v1",
			"protocols": map[string]any{
				"ftp":  map[string]any{"port": port(s.ftp), "dataPort": port(s.data), "tls": "Optional"},
				"sftp": map[string]any{"port": port(s.ssh)},
			},
			"passive":   map[string]any{"ports": map[string]int{"first": first, "last": first + 99}},
			"tls":       map[string]any{"certFile": in("tls.crt"), "keyFile": in("tls.key")},
			"ssh":       map[string]any{"hostKeyFiles": []string{in("host_key")}},
			"storage":   map[string]any{"root": in("data"), "atomicUploads": s.atomic},
			"usersFile": in("users.json"),
			"sessions":  map[string]any{"bandwidth": map[string]any{"upload": rate}},
			"drain":     map[string]any{},
		},
	} {
		b, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, name, b)
	}
}

func (s *fileserver) get(path string) (string, error) {
	r, err := http.Get("http://127.0.0.1:" + s.http + "/" + path)
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
		if info, err := os.Stat(filepath.Join(s.home(), name)); err == nil && s.atomic && info.Size() < bigSize {
			published++
			t.Errorf("%s: %d bytes of it are published", name, info.Size())
		}
		if outcomes["/"+name] != "transfer failed" {
			untold++
			t.Errorf("%s: the log has %q and not that the transfer failed", name, outcomes["/"+name])
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
	t.Logf("atomicUploads=%v killed=%d published=%d untold=%d", s.atomic, len(s.names), published, untold)
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

// log returns the last message about each file.
func (s *fileserver) log(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		var line struct{ Msg, Path string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && strings.HasPrefix(line.Msg, "transfer") {
			last[line.Path] = line.Msg
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
