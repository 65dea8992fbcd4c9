package server

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
)

func TestStrangersDoNotTakeTheSessions(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) {
		i.config.Sessions.Max = 2
		i.config.Sessions.MaxBeforeLogin = 5
	})
	loggedIn := i.user("alice")
	const silent, room = 30, 5
	var closed atomic.Int64
	for n := range silent {
		conn, err := net.Dial("tcp", i.addrs[[]string{"21", "990", "22"}[n%3]])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() {
			io.Copy(io.Discard, conn)
			closed.Add(1)
		}()
	}
	i.eventually("those that are too many make room", func() error {
		if n := closed.Load(); n < silent-room {
			return fmt.Errorf("%d of %d do", n, silent)
		}
		return nil
	})
	i.user("alice")
	loggedIn.command("NOOP", "200")
	// With as many logged in as may be, nobody else is asked for a password.
	full, err := net.Dial("tcp", i.addrs["21"])
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	full.SetReadDeadline(time.Now().Add(deadline))
	if b, err := io.ReadAll(full); !strings.HasPrefix(string(b), "421 Too many sessions") {
		t.Errorf("beyond the limit there is %q, %v", b, err)
	}
	for _, l := range i.told(audit.SessionEnd) {
		if l.User == "" && l.Reason != audit.EndedLimit {
			t.Errorf("one that had to make room is told as %q", l.Reason)
		}
	}
}

func TestWhoHasLeftHoldsUpNobody(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) {
		hash, err := bcrypt.GenerateFromPassword([]byte("right"), 10)
		if err != nil {
			t.Fatal(err)
		}
		i.users.Users[0].PasswordHash = string(hash)
	})
	for n := range 60 {
		if n%2 == 0 {
			c := i.control()
			c.command("USER alice", "331")
			c.send(fmt.Sprint("PASS wrong", n))
			c.conn.Close()
			continue
		}
		conn, err := net.Dial("tcp", i.addrs["22"])
		if err != nil {
			t.Fatal(err)
		}
		go ssh.NewClientConn(conn, "", &ssh.ClientConfig{
			User: "alice", HostKeyCallback: ssh.InsecureIgnoreHostKey(),
			Auth: []ssh.AuthMethod{ssh.PasswordCallback(func() (string, error) {
				time.AfterFunc(100*time.Millisecond, func() { conn.Close() })
				return "wrong", nil
			})},
		})
	}
	i.user("alice")
	checked, left := 0, 0
	for _, l := range i.told(audit.Login, audit.Refused) {
		switch reason := l.Message; {
		case strings.Contains(reason, "wrong password"):
			checked++
		case strings.Contains(reason, "has left"):
			left++
		}
	}
	if checked > 40 || left == 0 {
		t.Errorf("%d of 60 passwords were checked, and %d clients found to have left", checked, left)
	}
}

func TestLongPasswordsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) {
		// "right", as the operator makes it.
		i.users.Users[0].PasswordHash = "$6$saltstring$sWxm9GdnWvq354Rrr3cJ49bnU42uWlCgjcwLSQEwSw4oss4XrvyKNtQ0I48ftPb9O6s9ikPaKTH42CwjipwvU."
	})
	for range 8 {
		if _, err := i.dial("nobody", ssh.Password(strings.Repeat("x", 200_000))); err == nil {
			t.Fatal("logged in")
		}
	}
	i.user("alice")
}
