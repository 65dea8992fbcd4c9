package ftp_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// A session in the middle of small files waits for its next command in another way,
// which must not show.
func TestWhatFollowsSmallFilesIsServedAsEver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // only files of the operating system are moved like that
	ts := serve(t, plain, func(s *ftp.Server) { s.Backend = diskBackend{dir} })
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := ts.login()
	small := func() {
		conn := c.data(c.epsv())
		c.command("RETR f", "150 ...")
		if got, err := io.ReadAll(conn); err != nil || string(got) != "data" {
			t.Fatalf("got %q, %v", got, err)
		}
		c.expect("226 ...")
	}
	for range 40 {
		small()
	}
	for i := range 40 {
		data := strings.Repeat("x", i*i<<8) // the last ones are not small
		c.put("STOR g", []byte(data))
		if got, err := os.ReadFile(filepath.Join(dir, "g")); err != nil || string(got) != data {
			t.Fatalf("%d bytes came, %v", len(got), err)
		}
	}
	for range 3 {
		c.command("NOOP", "200 ...")
	}
	small()
	c.sendRaw("NOOP\r\nNOOP\r\nNO")
	c.expect("200 ...")
	c.expect("200 ...")
	c.sendRaw("OP\r\n")
	c.expect("200 ...")
	small()
	c.sendRaw(strings.Repeat("x", 300) + "\r\n")
	c.expect("500 ...")
	small()
	c.command("AUTH TLS", "234 ...")
	c.handshake(clientTLS(0))
	c.login()
	small()
	c.command("NOOP", "200 ...")
	ts.EndSessions(func(ftp.SessionInfo) bool { return true }, "enough")
	c.expect("421 enough")

	c = ts.login()
	small()
	eventually(t, "all threads may run everywhere again", func() bool { return len(affinities(t)) == 1 })
	c.command("NOOP", "200 ...")
	small()
	c.conn.Close()
	eventually(t, "the session is gone", func() bool { return len(ts.Sessions()) == 0 })
}

// affinities are the sets of processors that threads of this process may run on.
func affinities(t *testing.T) map[string]bool {
	t.Helper()
	sets := map[string]bool{}
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		b, _ := os.ReadFile(name) // or the thread has ended
		for line := range strings.Lines(string(b)) {
			if set, ok := strings.CutPrefix(line, "Cpus_allowed:"); ok {
				sets[set] = true
			}
		}
	}
	return sets
}
