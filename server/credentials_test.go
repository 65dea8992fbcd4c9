package server

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// held is a signer that signs when it is told to.
type held struct {
	ssh.Signer
	asked, sign chan struct{}
	once        *sync.Once
}

func (s held) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	s.once.Do(func() { close(s.asked) })
	<-s.sign
	return s.Signer.Sign(rand, data)
}

func TestWhoHoldsTheSignatureBackIsNotInAfterTheRemoval(t *testing.T) {
	t.Parallel()
	i := start(t, withKey)
	s := held{signer(t, filepath.Join(i.dir, "alice")), make(chan struct{}), make(chan struct{}), &sync.Once{}}
	done := make(chan error, 1)
	go func() {
		c, err := i.dial("alice", ssh.PublicKeys(s))
		if err == nil {
			c.Close()
		}
		done <- err
	}()
	<-s.asked
	i.users.Users = nil
	i.reloadFiles()
	close(s.sign)
	if err := <-done; err == nil {
		t.Error("alice was removed before she had logged in, and is in")
	}
	i.eventually("the reason", func() error {
		for _, l := range i.told(audit.Login, audit.Refused) {
			if strings.Contains(l.Message, "no such user") {
				return nil
			}
		}
		return fmt.Errorf("in\n%s", i.logs)
	})
}

func TestSessionsOfAllProtocolsEndWithTheirPassword(t *testing.T) {
	t.Parallel()
	i := start(t, withKey)
	byPassword := i.user("alice")
	secure, err := i.dial("alice", ssh.Password("right"))
	if err != nil {
		t.Fatal(err)
	}
	byKey, err := i.dial("alice", ssh.PublicKeys(signer(t, filepath.Join(i.dir, "alice"))))
	if err != nil {
		t.Fatal(err)
	}
	defer byKey.Close()
	hash, err := bcrypt.GenerateFromPassword([]byte("another"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	i.users.Users[0].PasswordHash = string(hash)
	i.reloadFiles()
	byPassword.reply("421")
	ended := make(chan struct{})
	go func() { secure.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(deadline):
		t.Error("a session goes on after its password was changed")
	}
	if session, err := byKey.NewSession(); err != nil {
		t.Errorf("a session that began with a key does not go on: %v", err)
	} else {
		session.Close()
	}
}

func TestABanEndsForWhoHasTheRightKey(t *testing.T) {
	t.Parallel()
	i := start(t, withKey, func(i *instance) {
		i.config.Sessions.Ban = config.Ban{Failures: 3, Window: config.Duration(time.Second), Duration: config.Duration(time.Second)}
	})
	for range 3 { // somebody else at this address mistypes
		i.dial("bob", ssh.Password("wrong"))
	}
	key := ssh.PublicKeys(signer(t, filepath.Join(i.dir, "alice")))
	tries := 0
	i.eventually("the good key is taken", func() error { // it is tried all the while
		c, err := i.dial("alice", key)
		if err == nil {
			c.Close()
		}
		tries++
		return err
	})
	if tries == 1 {
		t.Error("there was no ban")
	}
	for _, l := range i.told(audit.Login, audit.Refused) {
		if l.User == "alice" && !strings.Contains(l.Message, "is banned") {
			t.Errorf("the reason of a refusal is %q", l.Message)
		}
	}
}

func TestARobotWithTheRightCredentialBansNobody(t *testing.T) {
	t.Parallel()
	i := start(t, withKey, func(i *instance) {
		i.config.Sessions.Ban = config.Ban{Failures: 3}
		i.users.Users = append(i.users.Users, user(t, "bob"))
		i.users.Users[0].Suspended = true
	})
	for range 5 {
		c := i.control()
		c.command("USER alice", "331")
		c.command("PASS right", "530")
		i.dial("alice", ssh.Password("right"))
		i.dial("alice", ssh.PublicKeys(signer(t, filepath.Join(i.dir, "alice"))))
	}
	i.user("bob")
}

func TestHalfALoginIsLoggedAsWhatItIs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		auth   func(i *instance) []ssh.AuthMethod
		method string
		reason string
		banned bool
	}{
		// Otherwise the ban would tell which of many passwords was right.
		"the password alone": {func(*instance) []ssh.AuthMethod { return []ssh.AuthMethod{ssh.Password("right")} },
			"password", "only one of the two credentials", true},
		"a wrong password": {func(*instance) []ssh.AuthMethod { return []ssh.AuthMethod{ssh.Password("wrong")} },
			"password", "wrong password", true},
		"the key alone": {func(i *instance) []ssh.AuthMethod { return []ssh.AuthMethod{i.aliceKey()} },
			"publickey", "only one of the two credentials", false},
		"the key, and a wrong password": {func(i *instance) []ssh.AuthMethod { return []ssh.AuthMethod{i.aliceKey(), ssh.Password("wrong")} },
			"password", "wrong password", true},
		"both":                      {func(i *instance) []ssh.AuthMethod { return []ssh.AuthMethod{i.aliceKey(), ssh.Password("right")} }, "", "", false},
		"both, the other way round": {func(i *instance) []ssh.AuthMethod { return []ssh.AuthMethod{ssh.Password("right"), i.aliceKey()} }, "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := start(t, withKey, func(i *instance) {
				i.users.Users[0].RequireAll = true
				i.config.Sessions.Ban = config.Ban{Failures: 3}
			})
			for n := range 4 {
				c, err := ssh.Dial("tcp", i.addrs["22"], &ssh.ClientConfig{
					User: "alice", Auth: tc.auth(i), HostKeyCallback: ssh.InsecureIgnoreHostKey(),
				})
				if err == nil {
					c.Close()
				}
				if (err == nil) != (tc.reason == "") {
					t.Fatalf("logged in: %v", err)
				}
				i.eventually("the end of the connection, when halves are counted", func() error {
					if ended := len(i.told(audit.SessionEnd)); ended <= n {
						return fmt.Errorf("%d have ended", ended)
					}
					return nil
				})
			}
			i.eventually("what is told", func() error {
				told, banned := 0, false
				for _, l := range i.told(audit.Login, audit.Refused) {
					reason := l.Message
					banned = banned || strings.Contains(reason, "is banned")
					if tc.reason != "" && l.Method == tc.method && strings.Contains(reason, tc.reason) {
						told++
					}
				}
				if banned != tc.banned || tc.reason != "" && told < 3 {
					return fmt.Errorf("banned: %v, told %d times, in\n%s", banned, told, i.logs)
				}
				return nil
			})
		})
	}
}

func (i *instance) aliceKey() ssh.AuthMethod {
	return ssh.PublicKeys(signer(i.t, filepath.Join(i.dir, "alice")))
}

// FTP cannot ask for a key: of a user who needs one, it tells nothing about the password.
func TestFTPTellsNotWhetherHalfALoginIsRight(t *testing.T) {
	t.Parallel()
	var told []string
	for _, password := range []string{"right", "wrong"} {
		i := start(t, func(i *instance) {
			i.config.Sessions.Ban = config.Ban{Failures: 3}
			i.users.Users[0].RequireAll = true
		})
		for range 5 {
			c := i.control()
			c.command("USER alice", "331")
			c.command("PASS "+password, "530")
		}
		var reasons []string
		for _, l := range i.told(audit.Login, audit.Refused) {
			reasons = append(reasons, l.Message)
		}
		told = append(told, strings.Join(reasons, "; "))
	}
	if told[0] != told[1] || !strings.Contains(told[0], "is banned") {
		t.Errorf("the right password and a wrong one are told apart:\n%s", strings.Join(told, "\n"))
	}
}

func TestSeveralWrongKeysAreOneFailure(t *testing.T) {
	t.Parallel()
	i := start(t, withKey, func(i *instance) { i.config.Sessions.Ban = config.Ban{Failures: 2} })
	var keys []ssh.Signer
	for n := range 4 {
		file := filepath.Join(i.dir, fmt.Sprint("key", n))
		writeHostKey(t, file)
		keys = append(keys, signer(t, file))
	}
	i.dial("alice", ssh.PublicKeys(keys...))
	c, err := i.dial("alice", ssh.PublicKeys(append(keys, signer(t, filepath.Join(i.dir, "alice")))...))
	if err != nil {
		t.Fatalf("one connection with wrong keys has led to a ban: %v", err)
	}
	c.Close()
	i.dial("alice", ssh.PublicKeys(keys...))
	if c, err := i.dial("alice", ssh.PublicKeys(signer(t, filepath.Join(i.dir, "alice")))); err == nil {
		c.Close()
		t.Error("two connections with wrong keys do not lead to a ban")
	}
}

func TestWhoShowsBothIsRefusedOnceAndForTheReasonThatThereIs(t *testing.T) {
	t.Parallel()
	i := start(t, withKey, func(i *instance) {
		i.users.Users[0].RequireAll = true
		i.config.Sessions.Ban = config.Ban{Failures: 2}
		i.config.Sessions.MaxPerUser = 1
	})
	login := func(auth ...ssh.AuthMethod) error {
		c, err := ssh.Dial("tcp", i.addrs["22"], &ssh.ClientConfig{User: "alice", Auth: auth, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
		if err == nil {
			t.Cleanup(func() { c.Close() })
		}
		return err
	}
	if err := login(ssh.Password("right"), i.aliceKey()); err != nil {
		t.Fatal(err)
	}
	const tries = 3
	for range tries {
		if login(ssh.Password("right"), i.aliceKey()) == nil {
			t.Fatal("there is no limit")
		}
	}
	told := 0
	i.eventually("the refusals", func() error {
		if told = len(i.told(audit.Login, audit.Refused)); told < tries || len(i.told(audit.SessionEnd)) < tries {
			return fmt.Errorf("in\n%s", i.logs)
		}
		return nil
	})
	if told != tries {
		t.Errorf("%d attempts are told of as %d in\n%s", tries, told, i.logs)
	}
	for _, l := range i.told(audit.Login, audit.Refused) {
		if reason := l.Message; !strings.Contains(reason, "Too many sessions of this user") {
			t.Errorf("the reason is %s", reason)
		}
	}
}
