package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jlaffaye/ftp"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// spoil overwrites a file of the instance.
func (i *instance) spoil(name, content string) {
	i.t.Helper()
	if err := os.WriteFile(filepath.Join(i.dir, name), []byte(content), 0o600); err != nil {
		i.t.Fatal(err)
	}
}

// byFTP, byFTPS and bySFTP log alice in.
func (i *instance) byFTP() error {
	c, err := i.ftp("21")
	if err == nil {
		err = c.Login("alice", "right")
	}
	return err
}

func (i *instance) byFTPS() error {
	c, err := i.ftp("990", ftp.DialWithTLS(insecure))
	if err == nil {
		err = c.Login("alice", "right")
	}
	return err
}

func (i *instance) bySFTP() error {
	c, err := i.dial("alice", ssh.Password("right"))
	if err == nil {
		c.Close()
	}
	return err
}

// A pod starts with whatever is in a Secret or ConfigMap, serves what can be
// served, and tells what cannot.
func TestABadFileCostsNothingButWhatItIsFor(t *testing.T) {
	t.Parallel()
	secondKey := func(i *instance) {
		i.config.SSH.HostKeyFiles = append(i.config.SSH.HostKeyFiles, filepath.Join(i.dir, "other_key"))
		writeHostKey(i.t, filepath.Join(i.dir, "other_key"))
	}
	for name, tc := range map[string]struct {
		file, content   string
		field           string
		ftp, ftps, sftp bool // who can still log in
		errors          string
	}{
		"a certificate that is none": {"tls.crt", "SECRET", "tls.certFile", true, false, true, "ftps"},
		"a key that is none":         {"tls.key", "SECRET", "tls.certFile", true, false, true, "ftps"},
		"one host key of two":        {"other_key", "SECRET", "ssh.hostKeyFiles[1]", true, true, true, ""},
		"users that are no users":    {"users.json", `{"version":"v1","users":"SECRET"}`, "users.json", false, false, false, ""},
		"users of another version":   {"users.json", `{"version":"v9","users":[]}`, "users.json", false, false, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := start(t, secondKey)
			i.stop()
			i.spoil(tc.file, tc.content)
			again := *i
			again.addrs, again.done = map[string]string{}, make(chan error, 1)
			again.run()
			l := again.loaded()
			if len(l.LeftOut) != 1 || l.LeftOut[0].Field != tc.field || strings.Contains(fmt.Sprint(l, i.logs), "SECRET") {
				t.Errorf("left out is %+v", l.LeftOut)
			}
			failing := ""
			for _, listener := range l.Listeners {
				if listener.Error != "" {
					failing += listener.Name
				}
			}
			if failing != tc.errors {
				t.Errorf("not in force are %q, want %q", failing, tc.errors)
			}
			for _, p := range []struct {
				name  string
				login func() error
				want  bool
			}{{"ftp", again.byFTP, tc.ftp}, {"ftps", again.byFTPS, tc.ftps}, {"sftp", again.bySFTP, tc.sftp}} {
				if err := p.login(); (err == nil) != p.want {
					t.Errorf("%s: %v", p.name, err)
				}
			}
		})
	}
}

// Somebody is suspended while all else is broken.
func TestASuspensionIsInForceWhateverElseIsBroken(t *testing.T) {
	t.Parallel()
	i := start(t)
	session := i.user("alice")
	bob := user(t, "bob")
	i.users.Users = append(i.users.Users, bob)
	i.reloadFiles()
	for _, name := range []string{"tls.crt", "tls.key", "host_key"} {
		i.spoil(name, "broken")
	}
	i.config.SSH.TrustedUserCAKeys = []string{"nonsense"}
	i.config.SSH.Algorithms.MACs = []string{"hmac-sha3"}
	i.users.Users[0].Suspended = true
	i.reloadFiles()
	session.reply("421")
	for name, login := range map[string]func() error{"ftp": i.byFTP, "ftps": i.byFTPS, "sftp": i.bySFTP} {
		if login() == nil {
			t.Errorf("%s: alice is suspended, and logs in", name)
		}
	}
	i.user("bob")
	if c, err := i.dial("bob", ssh.Password("right")); err != nil {
		t.Errorf("the host key that was good before is not in use any more: %v", err)
	} else {
		c.Close()
	}
	if c, err := i.ftp("990", ftp.DialWithTLS(insecure)); err != nil {
		t.Errorf("the certificate that was good before is not in use any more: %v", err)
	} else if err := c.Login("bob", "right"); err != nil {
		t.Error(err)
	}
	if l := i.loaded(); len(l.LeftOut) != 4 || l.Listeners[1].Error != "" {
		t.Errorf("got %+v", l)
	}
}

func TestAUserWhoIsNotValidCostsNobodyElse(t *testing.T) {
	t.Parallel()
	i := start(t)
	session := i.user("alice")
	good, err := i.users.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	bob := fmt.Sprintf(`{"name":"bob","home":"bob","access":"ReadWrite","passwordHash":%q},`, user(t, "bob").PasswordHash)
	for _, bad := range []string{
		`{"name":"carol","home":"../etc","access":"ReadWrite"},`,
		`{"name":"carol","home":"c","access":"Sometimes"},`,
		`{"name":"carol","home":"c","access":"ReadWrite","allowedSources":["*.example.com"]},`,
		`{"name":"carol","home":"c","access":"ReadWrite","shell":"/bin/sh"},`,
		`{"name":"carol","home":7},`, `"carol",`, `null,`, `[],`,
		`{"name":"bob","home":"again","access":"ReadWrite"},`,
	} {
		i.replace("users.json", []byte(strings.Replace(string(good), `"users":[`, `"users":[`+bob+bad, 1)))
		i.eventually(bad, func() error {
			l := i.loaded()
			if len(l.LeftOut) != 1 || l.LeftOut[0].Field != "users[1]" || l.Error != "" {
				return fmt.Errorf("left out is %+v", l)
			}
			return nil
		})
		i.user("bob")
		session.command("NOOP", "200")
		i.replace("users.json", good)
		i.eventually("it is good again", func() error {
			if l := i.loaded(); len(l.LeftOut) > 0 {
				return errors.New(fmt.Sprint(l.LeftOut))
			}
			return nil
		})
	}
}

func TestAColdFieldIsSaidToWantARestart(t *testing.T) {
	t.Parallel()
	i := start(t)
	i.config.Protocols.SFTP.Port = 2022
	i.config.Drain.Timeout = 1
	i.config.Sessions.MaxPerUser = 1
	i.reloadFiles()
	l := i.loaded()
	if fmt.Sprint(l.Cold) != "[protocols.sftp.port drain.timeout]" || l.Listeners[2].Port != 22 {
		t.Errorf("got %+v", l)
	}
	i.user("alice")
	if i.bySFTP() == nil {
		t.Error("what is hot, in the same file, is not in force")
	}
	i.config.Protocols.SFTP = nil
	i.config.SSH = nil
	i.reloadFiles()
	if l := i.loaded(); fmt.Sprint(l.Cold) != "[protocols.sftp ssh drain.timeout]" || len(l.Listeners) != 3 {
		t.Errorf("got %+v", l)
	}
	i.config.Protocols.SFTP, i.config.Drain.Timeout = &config.SFTP{Port: 22}, config.Duration(deadline)
	i.config.SSH = &config.SSH{HostKeyFiles: []string{filepath.Join(i.dir, "host_key")}}
	i.reloadFiles()
	if l := i.loaded(); len(l.Cold) > 0 {
		t.Errorf("got %+v", l)
	}
}
