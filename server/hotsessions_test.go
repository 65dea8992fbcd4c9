package server

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// hotSessions are the tests of what is hot about sessions.
var hotSessions = map[string]func(t *testing.T){
	"sessions.max":           sessions(func(s *config.Sessions) { s.Max = 1 }),
	"sessions.maxPerUser":    sessions(func(s *config.Sessions) { s.MaxPerUser = 1 }),
	"sessions.maxPerAddress": sessions(func(s *config.Sessions) { s.MaxPerAddress = 1 }),
	"sessions.idleTimeout": func(t *testing.T) {
		i := start(t)
		i.config.Sessions.IdleTimeout = config.Duration(50 * time.Millisecond)
		i.reloadFiles()
		i.user("alice").reply("421")
		c, err := i.dial("alice", ssh.Password("right"))
		if err != nil {
			t.Fatal(err)
		}
		c.Wait()
	},
	"sessions.loginGrace": func(t *testing.T) {
		i := start(t)
		i.config.Sessions.LoginGrace = config.Duration(50 * time.Millisecond)
		i.reloadFiles()
		for _, port := range []string{"21", "22", "990"} {
			conn, err := net.Dial("tcp", i.addrs[port])
			if err != nil {
				t.Fatal(err)
			}
			conn.SetReadDeadline(time.Now().Add(deadline))
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("port %s waits for a login", port)
			}
			conn.Close()
		}
	},
	"sessions.stallTimeout": func(t *testing.T) {
		i := start(t)
		i.config.Sessions.StallTimeout = config.Duration(100 * time.Millisecond)
		i.reloadFiles()
		c := i.user("alice")
		c.begin("STOR f", "half")
		c.reply("426")
	},
	"sessions.countKeepAlives": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Sessions.IdleTimeout = config.Duration(time.Second) })
		i.config.Sessions.CountKeepAlives = true
		i.reloadFiles()
		c, err := i.dial("alice", ssh.Password("right"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for began := time.Now(); time.Since(began) < 2*time.Second; {
			if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil {
				t.Fatalf("after %v: %v", time.Since(began), err)
			}
		}
	},
	"sessions.maxBeforeLogin": func(t *testing.T) {
		i := start(t)
		first := i.control()
		i.config.Sessions.MaxBeforeLogin = 1
		i.reloadFiles()
		i.control()
		if line, err := first.next(); err == nil {
			t.Errorf("the oldest makes no room: %q", line)
		}
	},
	"sessions.bandwidth.upload": func(t *testing.T) {
		i := start(t)
		i.config.Sessions.Bandwidth.Upload = 1 << 20
		i.reloadFiles()
		slow(t, func() { i.user("alice").put("STOR f", strings.Repeat("x", 2<<20)) })
	},
	"sessions.bandwidth.download": func(t *testing.T) {
		i := start(t)
		i.homeFile("f", strings.Repeat("x", 2<<20))
		i.config.Sessions.Bandwidth.Download = 1 << 20
		i.reloadFiles()
		slow(t, func() {
			c := i.user("alice")
			data := c.data()
			c.command("RETR f", "150")
			io.Copy(io.Discard, data)
			c.reply("226")
		})
	},
	"sessions.ban.failures": func(t *testing.T) {
		i := start(t)
		i.config.Sessions.Ban = config.Ban{Failures: 1}
		i.reloadFiles()
		i.fail()
		if i.byFTP() == nil || i.bySFTP() == nil || i.byFTPS() == nil {
			t.Error("nobody is banned")
		}
	},
	"sessions.ban.window": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Sessions.Ban = config.Ban{Failures: 2} })
		i.config.Sessions.Ban.Window = 1
		i.reloadFiles()
		i.fail()
		i.fail()
		i.user("alice")
	},
	"sessions.ban.duration": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Sessions.Ban = config.Ban{Failures: 1} })
		i.config.Sessions.Ban.Duration = config.Duration(time.Millisecond)
		i.reloadFiles()
		i.fail()
		i.eventually("the ban ends", i.byFTP)
	},
	"sessions.ban.exempt": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Sessions.Ban = config.Ban{Failures: 1} })
		i.fail()
		i.config.Sessions.Ban.Exempt = prefixes("127.0.0.0/8")
		i.reloadFiles()
		i.fail()
		i.user("alice")
	},
}
