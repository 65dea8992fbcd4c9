package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// listed logs alice in and returns the lines of a listing.
func (i *instance) listed(command string) (lines []string) {
	i.t.Helper()
	c := i.dialFrom("127.0.0.1", i.addrs["21"])
	for _, line := range []string{"", "USER alice", "PASS right", "OPTS MLST perm;"} {
		c.command(line)
	}
	_, port, _ := strings.Cut(c.command("EPSV"), "|||")
	data := i.dialFrom("127.0.0.1", net.JoinHostPort("127.0.0.1", strings.TrimSuffix(port, "|)")))
	c.command(command)
	b, err := io.ReadAll(data)
	if err != nil {
		i.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		lines = append(lines, strings.TrimRight(line, "\r\n"))
	}
	return lines
}

// perms returns the perm fact of each name that MLSD lists.
func (i *instance) perms(dir string) map[string]string {
	i.t.Helper()
	perms := map[string]string{}
	for _, line := range i.listed("MLSD " + dir) {
		fact, name, _ := strings.Cut(line, " ")
		perms[name] = strings.TrimSuffix(strings.TrimPrefix(fact, "perm="), ";")
	}
	return perms
}

func TestASmallFolderIsListedInTheOrderOfItsNames(t *testing.T) {
	var names []string
	i := start(t, func(i *instance) {
		dir := i.config.Storage.Root + "/alice/d"
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for n := range 200 {
			names = append(names, fmt.Sprintf("%03d", n*77%200))
			if err := os.WriteFile(dir+"/"+names[n], nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
	slices.Sort(names)
	for _, command := range []string{"NLST d", "LIST d", "MLSD d", "NLST d/*", "NLST */*"} {
		got := i.listed(command)
		for n, line := range got {
			got[n] = line[max(0, len(line)-3):]
		}
		if !slices.Equal(got, names) {
			t.Errorf("%s: %q", command, got)
		}
	}
}

// FTP cannot say such a name, so it is shown as another one, and nothing of the
// listing is lost.
func TestANameWithANewlineBreaksNoListing(t *testing.T) {
	i := start(t, func(i *instance) {
		dir := i.config.Storage.Root + "/alice"
		err := errors.Join(os.MkdirAll(dir+"/new\nfolder/below", 0o755), os.WriteFile(dir+"/a\r\nb", nil, 0o644), os.WriteFile(dir+"/c", nil, 0o644))
		if err != nil {
			t.Fatal(err)
		}
	})
	for command, want := range map[string][]string{
		"NLST": {"a??b", "c", "new?folder"}, "NLST *": {"a??b", "c", "new?folder"}, "NLST -R": {"a??b", "c", "new?folder"},
		"NLST */*": nil, "MLSD": {"perm=adfrw; a??b", "perm=adfrw; c", "perm=flcdmpe; new?folder"},
	} {
		if got := i.listed(command); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
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
