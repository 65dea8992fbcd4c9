//go:build e2e

package large

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

const (
	keys  = 100_000
	limit = 64 << 20 // bytes of memory that a listing may take
)

// TestAFolderOfManyKeysIsListedInLittleMemory lists a folder by both protocols.
func TestAFolderOfManyKeysIsListedInLittleMemory(t *testing.T) {
	s := start(t)
	folder := filepath.Join(s.store.Home(user), "many")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("invoice-%06d.xml", i)), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, way := range []struct {
		name string
		list func() (int, error)
	}{
		{"FTP", func() (int, error) {
			c := s.connect(t.Context())
			defer c.kill()
			entries, err := c.List("many")
			return len(entries), err
		}},
		{"SFTP", s.listBySFTP},
	} {
		s.forgetMost()
		before, start := s.status("VmRSS:"), time.Now()
		n, err := way.list()
		if err != nil || n != keys {
			t.Errorf("%s: %d entries, want %d; %v", way.name, n, keys, err)
		}
		more := s.status("VmHWM:") - before
		t.Logf("%s: %d keys in %s, %d MiB more memory", way.name, n, time.Since(start).Round(10*time.Millisecond), more>>20)
		if more > limit {
			t.Errorf("%s takes %d bytes of memory, want %d at most", way.name, more, limit)
		}
	}
}

func (s *fileserver) listBySFTP() (int, error) {
	conn, err := ssh.Dial("tcp", fixture.Address(s.ports.SFTP), &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.Password(password)}, Timeout: time.Minute,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // the test has started it
	})
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	c, err := sftp.NewClient(conn)
	if err != nil {
		return 0, err
	}
	entries, err := c.ReadDir("many")
	return len(entries), err
}

// transfers is how many run.
func (s *fileserver) transfers() (int, error) {
	resp, err := http.Get("http://" + fixture.Address(s.ports.HTTP) + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	sum := 0
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, "fileserver_transfers{") {
			n, err := strconv.Atoi(value)
			if err != nil {
				return 0, err
			}
			sum += n
		}
	}
	return sum, nil
}
