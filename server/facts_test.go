package server

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// perms logs alice in and returns the perm fact of each name that MLSD lists.
func (i *instance) perms(dir string) map[string]string {
	i.t.Helper()
	c := i.dialFrom("127.0.0.1", i.addrs["21"])
	for _, line := range []string{"", "USER alice", "PASS right", "OPTS MLST perm;"} {
		c.command(line)
	}
	_, port, _ := strings.Cut(c.command("EPSV"), "|||")
	data := i.dialFrom("127.0.0.1", net.JoinHostPort("127.0.0.1", strings.TrimSuffix(port, "|)")))
	c.command("MLSD " + dir)
	b, err := io.ReadAll(data)
	if err != nil {
		i.t.Fatal(err)
	}
	perms := map[string]string{}
	for line := range strings.Lines(string(b)) {
		fact, name, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		perms[name] = strings.TrimSuffix(strings.TrimPrefix(fact, "perm="), ";")
	}
	return perms
}

func TestThePermFactIsWhatTheUserMayDo(t *testing.T) {
	i := start(t, func(i *instance) {
		u := &i.users.Users[0]
		u.Paths = []config.PathRule{{Path: "/read", Access: config.AccessReadOnly}, {Path: "/drop", Access: config.AccessWriteOnly}}
		for _, dir := range []string{"read/d", "drop/d", "free/d"} {
			if err := os.MkdirAll(i.config.Storage.Root+"/alice/"+dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(i.config.Storage.Root+"/alice/"+dir[:len(dir)-1]+"f", nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
	for dir, want := range map[string]map[string]string{
		"/":     {"read": "le", "drop": "cme", "free": "flcdmpe"},
		"/read": {"d": "le", "f": "r"},
		"/free": {"d": "flcdmpe", "f": "adfrw"},
	} {
		got := i.perms(dir)
		for name, perm := range want {
			if got[name] != perm {
				t.Errorf("%s: perm of %s is %q, want %q", dir, name, got[name], perm)
			}
		}
	}
}
