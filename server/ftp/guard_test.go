package ftp_test

import (
	"context"
	"crypto/tls"
	"io/fs"
	"iter"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// faultyBackend panics where it is told to.
type faultyBackend struct {
	ftp.Backend
	where string
	open  *atomic.Int32 // sessions
}

type faultySession struct {
	ftp.Session
	where string
	open  *atomic.Int32
}

type faultyFile struct {
	ftp.File
	where string
}

func panicAt(where, here string) {
	if where == here {
		panic("a fault in " + here)
	}
}

func (b faultyBackend) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	panicAt(b.where, "Login")
	session, err := b.Backend.Login(ctx, c, user, password)
	if err != nil {
		return nil, err
	}
	b.open.Add(1)
	return faultySession{session, b.where, b.open}, nil
}

func (s faultySession) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	panicAt(s.where, "Stat")
	return s.Session.Stat(ctx, name)
}

func (s faultySession) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	panicAt(s.where, "List")
	return s.Session.List(ctx, name)
}

func (s faultySession) OpenFile(ctx context.Context, name string, flag int) (ftp.File, error) {
	panicAt(s.where, "OpenFile")
	f, err := s.Session.OpenFile(ctx, name, flag)
	if err != nil {
		return nil, err
	}
	return faultyFile{f, s.where}, nil
}

func (s faultySession) Limits(l ftp.Limits) ftp.Limits {
	panicAt(s.where, "Limits")
	return l
}

func (s faultySession) Done() <-chan struct{} {
	panicAt(s.where, "Done")
	return nil
}

func (s faultySession) Remove(ctx context.Context, name string) error {
	panicAt(s.where, "Remove")
	return s.Session.Remove(ctx, name)
}

func (s faultySession) Close() error {
	s.open.Add(-1)
	panicAt(s.where, "session's Close")
	return s.Session.Close()
}

func (f faultyFile) Read(p []byte) (int, error) {
	panicAt(f.where, "Read")
	return f.File.Read(p)
}

func (f faultyFile) Write(p []byte) (int, error) {
	panicAt(f.where, "Write")
	return f.File.Write(p)
}

func (f faultyFile) Seek(offset int64, whence int) (int64, error) {
	panicAt(f.where, "Seek")
	return f.File.Seek(offset, whence)
}

func (f faultyFile) Truncate(size int64) error {
	panicAt(f.where, "Truncate")
	return f.File.Truncate(size)
}

func (f faultyFile) Close() error {
	panicAt(f.where, "Close")
	return f.File.Close()
}

// faultyListener has connections that panic when they are asked where they come from.
type faultyListener struct{ net.Listener }

type faultyConn struct{ net.Conn }

func (l faultyListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return faultyConn{conn}, nil
}

func (faultyConn) RemoteAddr() net.Addr { panic("a fault in RemoteAddr") }

func TestAPanicEndsItsSessionAlone(t *testing.T) {
	t.Parallel()
	retr := func(c *client) {
		c.data(c.epsv())
		c.send("RETR f")
	}
	stor := func(c *client) {
		conn := c.data(c.epsv())
		conn.Write([]byte("more"))
		conn.(*net.TCPConn).CloseWrite()
		c.send("STOR g")
	}
	list := func(c *client) {
		c.data(c.epsv())
		c.send("LIST")
	}
	hook := func(where string) func(*ftp.Hooks) {
		return func(h *ftp.Hooks) {
			switch where {
			case "Connect":
				h.Connect = func(*ftp.Conn) error { panicAt(where, "Connect"); return nil }
			case "Login":
				h.Login = func(*ftp.Conn, ftp.LoginRecord) { panicAt(where, "Login") }
			case "TransferStart":
				h.TransferStart = func(*ftp.Conn, ftp.TransferRecord) { panicAt(where, "TransferStart") }
			case "TransferEnd":
				h.TransferEnd = func(*ftp.Conn, ftp.TransferRecord) { panicAt(where, "TransferEnd") }
			case "Disconnect":
				h.Disconnect = func(*ftp.Conn, ftp.SessionRecord) { panicAt(where, "Disconnect") }
			}
		}
	}
	for name, test := range map[string]struct {
		where string
		hooks func(*ftp.Hooks)
		tls   func(*ftp.Conn, *tls.ClientHelloInfo) (*tls.Config, error)
		early bool // there is no login
		do    func(*client)
	}{
		"in a login":           {where: "Login", early: true, do: func(c *client) { c.sendRaw("USER alice\r\nPASS secret\r\n") }},
		"in limits":            {where: "Limits", early: true, do: func(c *client) { c.sendRaw("USER alice\r\nPASS secret\r\n") }},
		"in asking for an end": {where: "Done", early: true, do: func(c *client) { c.sendRaw("USER alice\r\nPASS secret\r\n") }},
		"in removing":          {where: "Remove", do: func(c *client) { c.send("DELE f") }},
		"in seeking":           {where: "Seek", do: func(c *client) { c.command("REST 1", "350 ..."); retr(c) }},
		"in truncating": {where: "Truncate", do: func(c *client) {
			c.data(c.epsv()).Close()
			c.send("STOR f")
		}},
		"in DSIZ":             {where: "List", do: func(c *client) { c.send("DSIZ /") }},
		"in a pattern":        {where: "List", do: func(c *client) { c.data(c.epsv()); c.send("NLST */*") }},
		"in a command":        {where: "Stat", do: func(c *client) { c.send("SIZE f") }},
		"in STAT":             {where: "List", do: func(c *client) { c.send("STAT /") }},
		"in a listing":        {where: "List", do: list},
		"in opening":          {where: "OpenFile", do: retr},
		"in a download":       {where: "Read", do: retr},
		"in an upload":        {where: "Write", do: stor},
		"in closing a file":   {where: "Close", do: stor},
		"in a checksum":       {where: "Read", do: func(c *client) { c.send("HASH f") }},
		"in a copy":           {where: "Write", do: func(c *client) { c.send(`COMB "g" "f"`) }},
		"in ending a session": {where: "session's Close", do: func(c *client) { c.send("QUIT") }},
		"in Connect":          {hooks: hook("Connect"), early: true, do: func(*client) {}},
		"in Login":            {hooks: hook("Login"), early: true, do: func(c *client) { c.sendRaw("USER alice\r\nPASS secret\r\n") }},
		"in TransferStart":    {hooks: hook("TransferStart"), do: retr},
		"in TransferEnd":      {hooks: hook("TransferEnd"), do: retr},
		"in Disconnect":       {hooks: hook("Disconnect"), do: func(c *client) { c.send("QUIT") }},
		"in TLSConfig": {
			tls:   func(*ftp.Conn, *tls.ClientHelloInfo) (*tls.Config, error) { panic("a fault in TLSConfig") },
			early: true, do: func(c *client) {
				c.expect("220 ...")
				c.command("AUTH TLS", "234 ...")
				go tls.Client(c.conn, clientTLS(tls.VersionTLS13)).Handshake()
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sessions atomic.Int32
			own := ownAddress()
			pool := passive.NewPool(passive.Options{First: 40000, Last: 40000, ListenAddr: own})
			ts := serveOn(t, own.String()+":0", plain, func(s *ftp.Options) {
				s.Passive = pool
				if test.where != "" {
					s.Backend = faultyBackend{s.Backend, test.where, &sessions}
				}
				if test.hooks != nil {
					test.hooks(&s.Hooks)
				}
				if test.tls != nil {
					s.TLSConfig = test.tls
				}
			})
			ts.write("/f", "data")
			c := ts.dial("")
			if test.early {
				test.do(c)
			} else {
				c.expect("220 ...")
				test.do(c.login())
			}
			eventually(t, "the session ends", func() bool {
				return len(ts.Sessions()) == 0 && strings.Contains(ts.log.String(), "a fault in")
			})
			if log := ts.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "guard_test.go") {
				t.Errorf("there is no stack in the log: %s", log)
			}
			if open := sessions.Load(); open != 0 {
				t.Errorf("%d sessions of the backend are open", open)
			}
			if stats := pool.Stats(); stats.Awaited != 0 {
				t.Errorf("%d ports are taken", stats.Awaited)
			}
			if test.early {
				return
			}
			ts.login()
		})
	}
}

func TestAPanicInAPassivePortClosesItsConnection(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, func(s *ftp.Options) {
		s.Passive = passive.NewPool(passive.Options{
			WrapListener: func(ln net.Listener) net.Listener { return faultyListener{ln} },
			Logger:       s.Logger,
		})
	})
	ts.write("/f", "data")
	c := ts.login()
	conn := c.data(c.epsv())
	ts.set(func(s *ftp.Settings) { s.Limits = ftp.Limits{DataTimeout: 10 * time.Millisecond} })
	c.command("RETR f", "150 ...")
	c.expect("425 ...")
	conn.SetReadDeadline(time.Now().Add(patience))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || isTimeout(err) {
		t.Errorf("the connection is open: %v", err)
	}
	c.command("NOOP", "200 OK")
	if !strings.Contains(ts.log.String(), "a fault in RemoteAddr") {
		t.Error("nothing was logged")
	}
}
