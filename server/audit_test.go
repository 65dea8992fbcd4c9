package server

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	psftp "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// lines are the lines of the log with that message.
func (i *instance) lines(message string) (found []map[string]any) {
	i.t.Helper()
	for line := range strings.Lines(i.logs.String()) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			i.t.Fatalf("no JSON: %q", line)
		}
		if v["msg"] == message {
			found = append(found, v)
		}
	}
	return found
}

// files makes files in alice's home.
func (i *instance) files(names ...string) {
	i.t.Helper()
	home := filepath.Join(i.config.Storage.Root, "alice")
	if err := os.MkdirAll(home, 0o755); err != nil {
		i.t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(home, name), []byte("content"), 0o600); err != nil {
			i.t.Fatal(err)
		}
	}
}

// sftpSession is one of alice, with its connection.
func (i *instance) sftpSession() (*psftp.Client, *ssh.Client) {
	i.t.Helper()
	c, err := i.dial("alice", ssh.Password("right"))
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { c.Close() })
	s, err := psftp.NewClient(c)
	if err != nil {
		i.t.Fatal(err)
	}
	return s, c
}

func TestTheLogTellsWhatWasDoneToFiles(t *testing.T) {
	t.Parallel()
	i := start(t)
	i.files("deleted", "renamed", "mode", "hashed", "part", "dated", "s-deleted", "s-renamed", "s-size", "s-open", "s-linked", "s-summed", "s-mode")
	c := i.user("alice")
	for _, line := range []string{
		"DELE deleted", "RNFR renamed", "RNTO renamed.to", "MKD folder", "RMD folder", "SITE CHMOD 600 mode", "SITE SYMLINK mode symlink",
		"MFMT 20200101000000 dated", "HASH hashed", "XMD5 hashed", `COMB "combined" "part"`,
	} {
		c.send(line)
		if got, err := c.next(); err != nil || got > "4" {
			t.Errorf("%s: %s, %v", line, got, err)
		}
	}
	s, conn := i.sftpSession()
	for what, err := range map[string]error{
		"remove": s.Remove("s-deleted"), "rename": s.PosixRename("s-renamed", "s-renamed.to"), "mkdir": s.Mkdir("s-folder"),
		"truncate": s.Truncate("s-size", 0), "link": s.Link("s-linked", "s-link"), "chmod": s.Chmod("s-mode", 0o640),
		"rmdir": s.RemoveDirectory("s-folder"), "symlink": s.Symlink("s-linked", "s-symlink"),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	f, err := s.OpenFile("s-open", os.O_RDWR)
	if err == nil {
		err = f.Truncate(1)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	session, err := conn.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := session.CombinedOutput("sha256sum s-summed"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{
		"ftp remove /deleted", "ftp rename /renamed /renamed.to", "ftp mkdir /folder", "ftp rmdir /folder", "ftp chmod -rw------- /mode",
		"ftp symlink /symlink", "ftp set times /dated", "ftp HASH /hashed", "ftp XMD5 /hashed", "ftp COMB /combined", "ftp remove /part",
		"sftp remove /s-deleted", "sftp rename /s-renamed /s-renamed.to", "sftp mkdir /s-folder", "sftp rmdir /s-folder", "sftp truncate /s-size",
		"sftp truncate /s-open", "sftp link /s-link /s-linked", "sftp symlink /s-symlink", "sftp chmod -rw-r----- /s-mode", "sftp sha256sum /s-summed",
	} {
		i.eventually(want, func() error {
			for _, l := range i.lines("file") {
				got := fmt.Sprint(l["protocol"], " ", l["op"], " ", l["path"])
				if to, ok := l["to"]; ok {
					got += fmt.Sprint(" ", to)
				}
				if strings.HasPrefix(got, want) && l["user"] == "alice" && l["session"] != nil && strings.HasPrefix(fmt.Sprint(l["remote"]), "127.0.0.1:") {
					return nil
				}
			}
			return fmt.Errorf("is not told in\n%s", i.logs)
		})
	}
}

func TestARefusalByARuleIsTold(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) { i.users.Users[0].Access = config.AccessReadOnly })
	i.files("f")
	c := i.user("alice")
	for line, want := range map[string]string{"DELE f": "550", "MKD d": "550", "SITE CHMOD 777 f": "550"} {
		c.command(line, want)
	}
	c.command("RNFR f", "350")
	c.command("RNTO g", "550")
	c.data()
	c.command("STOR f", "550")
	for range 50 {
		c.command("DELE g", "550")
	}
	s, _ := i.sftpSession()
	s.Remove("f")
	s.Truncate("f", 0)
	c.command("QUIT", "221")
	for _, want := range []string{
		"ftp remove /f", "ftp mkdir /d", "ftp chmod -rwxrwxrwx /f", "ftp rename /f", "ftp open for writing /f", "sftp remove /f", "sftp open for writing /f",
	} {
		i.eventually(want, func() error {
			for _, l := range i.lines("file refused") {
				if fmt.Sprint(l["protocol"], " ", l["op"], " ", l["path"]) == want && l["error"] != "" {
					return nil
				}
			}
			return fmt.Errorf("is not told in\n%s", i.logs)
		})
	}
	i.eventually("what is refused again and again", func() error {
		var lines, times float64
		for _, l := range i.lines("file refused") {
			if l["path"] == "/g" {
				lines++
				n, _ := l["times"].(float64)
				times += max(n, 1)
			}
		}
		if lines != 2 || times != 50 {
			return fmt.Errorf("takes %v lines for %v times", lines, times)
		}
		return nil
	})
}

func TestWhoLogsOutIsToldWithWhatHeDid(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) { i.users.Users = append(i.users.Users, user(t, "bob")) })
	i.files("f")
	c := i.user("alice")
	data := c.data()
	c.command("RETR f", "150")
	if b, err := io.ReadAll(data); err != nil || len(b) != 7 {
		t.Fatalf("%q, %v", b, err)
	}
	c.reply("226")
	c.command("USER bob", "331")
	c.command("PASS right", "230")
	c.command("REIN", "220")
	c.command("QUIT", "221")
	i.eventually("three lines", func() error {
		lines := i.lines("session")
		if len(lines) != 3 {
			return fmt.Errorf("there are %d", len(lines))
		}
		for n, want := range []string{"alice 7 logout", "bob 0 logout", " 0 quit"} {
			if got := fmt.Sprint(lines[n]["user"], " ", lines[n]["downloaded"], " ", lines[n]["reason"]); got != want {
				return fmt.Errorf("line %d is %q, want %q", n, got, want)
			}
		}
		return nil
	})
}

// TestAnUnknownNameDoesNotFloodTheLog is about who has no account: the kubelet
// keeps some 50 MiB of a container's log.
func TestAnUnknownNameDoesNotFloodTheLog(t *testing.T) {
	t.Parallel()
	i := start(t)
	long := strings.Repeat("\x01", 250_000)
	ssh.Dial("tcp", i.addrs["22"], &ssh.ClientConfig{
		User:            long,
		Auth:            []ssh.AuthMethod{ssh.RetryableAuthMethod(ssh.PasswordCallback(func() (string, error) { return "x", nil }), 6)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	for range 60 {
		c := i.control()
		for n := range 4 {
			c.command(fmt.Sprint("USER nobody", n, strings.Repeat("é", 1000)), "331")
			c.command("PASS x", "530")
		}
		c.command("QUIT", "221")
	}
	i.eventually("all have left", func() error {
		if n := i.loaded().Sessions; n > 0 {
			return fmt.Errorf("%d are there", n)
		}
		return nil
	})
	size, lines := 0, 0
	for line := range strings.Lines(i.logs.String()) {
		if !strings.Contains(line, `"level":"DEBUG"`) {
			size += len(line)
			lines++
		}
		if len(line) > 2000 {
			t.Fatalf("a line of %d bytes: %.300s", len(line), line)
		}
	}
	if size > 100_000 || lines > budgetLines+10 {
		t.Errorf("%d lines and %d bytes were logged of 301 attempts", lines, size)
	}
}

func TestRefusalsOfASessionAreBounded(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) { i.users.Users[0].Access = config.AccessReadOnly })
	c := i.user("alice")
	const refusals = 600
	for n := range refusals {
		c.command(fmt.Sprint("DELE f", n), "550")
	}
	c.command("QUIT", "221")
	i.eventually("all are accounted for", func() error {
		lines, times := 0, 0.0
		for _, l := range i.lines("file refused") {
			lines++
			n, _ := l["times"].(float64)
			times += max(n, 1)
		}
		if lines > refusalLines+20 || times != refusals {
			return fmt.Errorf("%d lines for %v refusals", lines, times)
		}
		return nil
	})
}

// What a tree can do is either told of or does nothing to files: a method that
// storage.FS gains has to be put on one side.
func TestEachMethodOfATreeIsToldOrHarmless(t *testing.T) {
	t.Parallel()
	told := []string{"OpenFile", "List", "Mkdir", "Remove", "RemoveDir", "Rename", "RenameNew", "Link", "Symlink", "Chmod", "Chtimes", "Lchtimes", "Chown", "Close"}
	harmless := []string{"Stat", "Lstat", "Readlink", "Realpath", "Space", "Resolve", "NoLinks", "Perm"}
	tree := reflect.TypeFor[storage.FS]()
	for m := range tree.Methods() {
		name := m.Name
		if !slices.Contains(told, name) && !slices.Contains(harmless, name) {
			t.Errorf("storage.FS has %s: does the log tell of it?", name)
		}
	}
}

func TestARefusalToDescribeOrListIsTold(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) {
		i.users.Users[0].Paths = []config.PathRule{{Path: "/secret", Access: config.AccessNone}}
	})
	i.files("f")
	c := i.user("alice")
	for n, line := range []string{"CWD", "SIZE", "MDTM", "MLST", "STAT", "RNFR", "AVBL"} {
		if line == "SIZE" {
			c.command("TYPE I", "200")
		}
		c.command(fmt.Sprint(line, " secret/", n), "550")
	}
	c.data()
	c.command("LIST secret/7", "550")
	s, _ := i.sftpSession()
	s.Stat("secret/8")
	s.Lstat("secret/9")
	s.ReadLink("secret/10")
	s.RealPath("secret/11")
	s.StatVFS("secret/12")
	s.ReadDir("secret/13")
	for n := range 14 {
		path := fmt.Sprint("/secret/", n)
		i.eventually(path, func() error {
			for _, l := range i.lines("file refused") {
				if l["path"] == path && l["user"] == "alice" {
					return nil
				}
			}
			return fmt.Errorf("is not told in\n%s", i.logs)
		})
	}
}
