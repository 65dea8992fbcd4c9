package ftp_test

import (
	"context"
	"crypto/tls"
	"io"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func TestWhenTLSBecomesRequiredWhatGoesWithoutItEnds(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/f", string(make([]byte, 64<<20))) // more than buffers take
	config := clientTLS(0)
	stranger, idle, busy := ts.connect(), ts.login(), ts.login()
	halfway := ts.connect().startTLS(config).login()
	good := ts.connect().startTLS(config).login().protectData(config)
	busyData, _ := busy.start("RETR f")
	halfwayData, _ := halfway.start("RETR f")
	goodData, _ := good.start("RETR f")
	idle.pasv()

	ts.requireTLS()
	for _, c := range []*client{idle, busy} {
		for line := c.line(); ; line = c.line() {
			if matches(line, "421 TLS is required...") {
				break
			}
			if !matches(line, "426 ...") {
				t.Fatalf("got %q", line)
			}
		}
		c.expectClosed()
	}
	for line := halfway.line(); !matches(line, "421 Data connections must be protected..."); line = halfway.line() {
		if !matches(line, "426 ...") {
			t.Fatalf("got %q", line)
		}
	}
	if n, err := io.Copy(io.Discard, busyData); err == nil && n == 64<<20 {
		t.Error("a transfer without TLS is completed")
	}
	if n, err := io.Copy(io.Discard, halfwayData); err == nil && n == 64<<20 {
		t.Error("a transfer without TLS, of a session with it, is completed")
	}
	if got := good.readAll(goodData); len(got) != 64<<20 {
		t.Errorf("a transfer with TLS ends after %d bytes", len(got))
	}
	good.expect("226 ...")
	stranger.command("USER alice", "530 TLS is required...")
	stranger.startTLS(config).login()
	stranger.epsv()
	stranger.command("RETR f", "521 ...")
	good.command("PROT C", "534 ...")

	ts.set(func(s *ftp.Settings) { s.TLS = ftp.TLSOptional })
	ts.login()
	good.command("PROT C", "200 ...")
	ts.set(func(s *ftp.Settings) { s.TLS = ftp.TLSDisabled })
	ts.connect().command("AUTH TLS", "502 ...")
	good.command("NOOP", "200 ...")
}

func TestTLSOfAnImplicitListenerStays(t *testing.T) {
	t.Parallel()
	ts := serve(t, ftp.ListenerOptions{Implicit: true}, nil)
	ts.set(func(s *ftp.Settings) { s.TLS = ftp.TLSDisabled })
	c := ts.dial("").handshake(clientTLS(0))
	c.expect("220 ...")
	c.login()
	c.command("PROT C", "534 ...")
}

func TestWhenTheOldestVersionIsRaisedSessionsWithAnOlderOneEnd(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]ftp.ListenerOptions{"explicit": plain, "implicit": {Implicit: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := serve(t, opts, nil)
			login := func(version uint16) *client {
				config := clientTLS(version)
				if opts.Implicit {
					c := ts.dial("").handshake(config)
					c.expect("220 ...")
					return c.login()
				}
				return ts.connect().startTLS(config).login()
			}
			older, newer := login(tls.VersionTLS12), login(tls.VersionTLS13)
			ts.set(func(s *ftp.Settings) { s.MinTLSVersion = tls.VersionTLS13 })
			older.expect("421 ...")
			newer.command("NOOP", "200 ...")
		})
	}
}

// between is a backend that does something while a password is being checked.
type between struct {
	ftp.Backend
	do func()
}

func (b between) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	b.do()
	return b.Backend.Login(ctx, c, user, password)
}

func TestALoginThatIsUnderWayWhenTLSBecomesRequiredFails(t *testing.T) {
	t.Parallel()
	var ts *testServer
	ts = serve(t, plain, func(s *ftp.Options) {
		s.Backend = between{s.Backend, func() { ts.requireTLS() }}
	})
	c := ts.connect()
	c.command("USER alice", "331 ...")
	c.command("PASS secret", "530 TLS is required...")
	c.command("PWD", "530 ...")
}

// opening is a session that does something while a file is being opened.
type opening struct {
	ftp.Session
	do func()
}

func (o opening) OpenFile(ctx context.Context, name string, flag int) (ftp.File, error) {
	o.do()
	return o.Session.OpenFile(ctx, name, flag)
}

type openingBackend struct {
	ftp.Backend
	do func()
}

func (b openingBackend) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	s, err := b.Backend.Login(ctx, c, user, password)
	return opening{s, b.do}, err
}

func TestATransferThatIsBeginningWhenTLSBecomesRequiredFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ tls bool }{"without TLS": {false}, "with TLS on the control connection": {true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ts *testServer
			ts = serve(t, plain, func(s *ftp.Options) {
				s.Backend = openingBackend{s.Backend, func() { ts.requireTLS() }}
			})
			ts.write("/f", "data")
			c := ts.connect()
			if tc.tls {
				c.startTLS(clientTLS(0))
			}
			c.login()
			data := c.data(c.epsv())
			c.send("RETR f")
			for line := c.line(); !matches(line, "421 ..."); line = c.line() {
				if matches(line, "2...") {
					t.Fatalf("got %q", line)
				}
			}
			data.Close()
			c.expectClosed()
		})
	}
}
