package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	psftp "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/config"
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

// told are the lines of the audit trail with that event and, if some are given, one of the results.
func (i *instance) told(e audit.Event, results ...audit.Result) (found []audit.Record) {
	i.t.Helper()
	for line := range strings.Lines(i.trail.String()) {
		var r audit.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			i.t.Fatalf("no JSON: %q", line)
		}
		if r.Event == e && (len(results) == 0 || slices.Contains(results, r.Result)) {
			found = append(found, r)
		}
	}
	return found
}

// wantTold waits for a line about alice that is described by "protocol event result path",
// and further words that are found in the line as JSON.
func (i *instance) wantTold(wants ...string) {
	i.t.Helper()
	for _, want := range wants {
		words := strings.Fields(want)
		i.eventually(want, func() error {
			for _, r := range i.told(audit.Event(words[1]), audit.Result(words[2])) {
				line, err := json.Marshal(r)
				if err != nil {
					i.t.Fatal(err)
				}
				missing := slices.ContainsFunc(words[4:], func(w string) bool { return !strings.Contains(string(line), w) })
				if words[3] == "?" { // of no file
					r.Path = "?"
				}
				if r.Protocol == words[0] && r.Path == words[3] && !missing && (r.User == "alice" || r.Event == audit.SessionStart) && r.Address == "127.0.0.1" && r.Port != 0 && r.Session != "" {
					return nil
				}
			}
			return errors.New("is not told")
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
	const denied = `"reason":"PermissionDenied"`
	i.wantTold(
		"ftp delete refused /f "+denied, "ftp mkdir refused /d "+denied, `ftp chmod refused /f "mode":"0777" `+denied,
		`ftp rename refused /f "target":"/g" `+denied, "ftp upload refused /f "+denied,
		"sftp delete refused /f "+denied, "sftp upload refused /f "+denied,
	)
	i.eventually("what is refused again and again", func() error {
		lines, times := 0, 0
		for _, l := range i.told(audit.Delete, audit.Refused) {
			if l.Path == "/g" {
				lines++
				times += max(l.Times, 1)
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
		lines := append(i.told(audit.Logout), i.told(audit.SessionEnd)...)
		if len(lines) != 3 {
			return fmt.Errorf("there are %d", len(lines))
		}
		for n, want := range []string{"alice 7 Logout", "bob 0 Logout", " 0 Quit"} {
			if got := fmt.Sprint(lines[n].User, " ", *lines[n].Download, " ", lines[n].Reason); got != want {
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
	for line := range strings.Lines(i.logs.String() + i.trail.String()) {
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
		lines, times := 0, 0
		for _, l := range append(i.told(audit.Delete), i.told(audit.Omitted)...) {
			lines++
			times += max(l.Times, 1)
		}
		if lines > 220 || times != refusals {
			return fmt.Errorf("%d lines for %v refusals", lines, times)
		}
		return nil
	})
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
			for _, l := range append(i.told(audit.Stat, audit.Refused), i.told(audit.List, audit.Refused)...) {
				if l.Path == path && l.User == "alice" && l.Reason == audit.PermissionDenied {
					return nil
				}
			}
			return errors.New("is not told")
		})
	}
}
