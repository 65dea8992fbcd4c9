package ftp_test

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// stuckBackend has files whose reads and writes do not return until released is
// closed, as with a disk that hangs.
type stuckBackend struct {
	ftp.Backend
	*disk
}

type disk struct {
	released chan struct{}
	waiting  atomic.Int32 // calls
}

func (d *disk) wait() {
	d.waiting.Add(1)
	<-d.released
	d.waiting.Add(-1)
}

type stuckSession struct {
	ftp.Session
	*disk
}

type stuckFile struct {
	ftp.File
	*disk
}

func (b *stuckBackend) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	session, err := b.Backend.Login(ctx, c, user, password)
	if err != nil {
		return nil, err
	}
	return stuckSession{session, b.disk}, nil
}

func (s stuckSession) OpenFile(ctx context.Context, name string, flag int) (ftp.File, error) {
	f, err := s.Session.OpenFile(ctx, name, flag)
	if err != nil || strings.HasPrefix(name, "/good") {
		return f, err
	}
	return stuckFile{f, s.disk}, nil
}

func (f stuckFile) Read(p []byte) (int, error)  { f.wait(); return f.File.Read(p) }
func (f stuckFile) Write(p []byte) (int, error) { f.wait(); return f.File.Write(p) }

// serveStuck serves such files. Call release to have them go on.
func serveStuck(t *testing.T, change func(*ftp.Options)) (ts *testServer, d *disk, release func()) {
	t.Helper()
	d = &disk{released: make(chan struct{})}
	b := &stuckBackend{disk: d}
	ts = serve(t, plain, func(s *ftp.Options) {
		b.Backend, s.Backend = s.Backend, b
		if change != nil {
			change(s)
		}
	})
	ts.write("/f", "data")
	ts.write("/good", "data")
	released := false
	release = func() {
		if !released {
			released = true
			close(d.released)
		}
	}
	t.Cleanup(release)
	return ts, d, release
}

func TestWhatADiskDoesNotReturnFromCanBeAborted(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*client){
		"a download": func(c *client) { c.data(c.epsv()); c.command("RETR f", "150 ...") },
		"an upload":  func(c *client) { io.WriteString(c.data(c.epsv()), "more"); c.command("STOR g", "150 ...") },
		"a checksum": func(c *client) { c.send("HASH f") },
		"a copy":     func(c *client) { c.send(`COMB "g" "f"`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts, disk, release := serveStuck(t, nil)
			c := ts.login()
			start(c)
			eventually(t, "it runs", func() bool { return disk.waiting.Load() == 1 })
			c.talk(`
				> ABOR
				< 426 ...
				< 226 ...
				> NOOP
				< 200 OK
				> HASH good
				< 450 ...`)
			other := ts.login()
			if got := other.get("RETR good"); string(got) != "data" {
				t.Errorf("somebody else gets %q", got)
			}
			release()
			eventually(t, "it has ended", func() bool { return ts.transferring() == 0 })
			if got := c.get("RETR f"); string(got) != "data" {
				t.Errorf("got %q then", got)
			}
		})
	}
}

// transferring returns how many sessions do something that takes time.
func (ts *testServer) transferring() int {
	n := 0
	for _, i := range ts.Sessions() {
		if i.Transfer != nil {
			n++
		}
	}
	return n
}

func TestATransferThatADiskDoesNotReturnFromStalls(t *testing.T) {
	t.Parallel()
	ts, _, _ := serveStuck(t, func(s *ftp.Options) { s.Limits.StallTimeout = 50 * time.Millisecond })
	c := ts.login()
	c.data(c.epsv())
	c.talk(`
		> RETR f
		< 150 ...
		< 426 Data connection stalled; ...
		> NOOP
		< 200 OK`)
}

func TestASessionThatADiskDoesNotReturnFromIsCutOff(t *testing.T) {
	t.Parallel()
	ts, disk, release := serveStuck(t, nil)
	c := ts.login()
	c.data(c.epsv())
	c.command("RETR f", "150 ...")
	eventually(t, "it runs", func() bool { return disk.waiting.Load() == 1 })
	ts.requireTLS()
	c.expect("426 ...")
	c.expect("421 TLS is required...")
	c.expectClosed()
	if len(ts.Sessions()) != 1 {
		t.Error("what it holds is not counted any more")
	}
	release()
	eventually(t, "it has gone", func() bool { return len(ts.Sessions()) == 0 })
}

// A deaf client sends commands and reads no reply, until the server cannot send more.
func (c *client) deafen() {
	c.t.Helper()
	for range 10_000 {
		c.conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := io.WriteString(c.conn, strings.Repeat("HELP\r\n", 1000)); err != nil {
			return
		}
	}
	c.t.Fatal("the server takes commands without end")
}

func TestAClientThatReadsNothingIsEndedInTime(t *testing.T) {
	t.Parallel()
	const soon = 30 * time.Second // less than WriteTimeout
	for name, c := range map[string]struct {
		limits ftp.Limits
		end    func(*testServer)
		nobody bool
	}{
		"by the host": {end: func(ts *testServer) { ts.requireTLS() }},
		"by Close":    {end: func(ts *testServer) { ts.Close() }},
		"by Shutdown": {end: func(ts *testServer) {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			began := time.Now()
			ts.Shutdown(ctx)
			if took := time.Since(began); took > soon {
				ts.t.Errorf("Shutdown took %v", took)
			}
		}},
		"before it logs in": {
			nobody: true, end: func(*testServer) {},
			limits: ftp.Limits{LoginTimeout: 5 * time.Second, MaxCommandsBeforeLogin: -1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := serve(t, plain, func(s *ftp.Options) {
				s.Limits = c.limits
				s.Limits.WriteTimeout = time.Hour
			})
			client := ts.connect()
			if !c.nobody {
				client.login()
			}
			client.deafen()
			began := time.Now()
			c.end(ts)
			eventually(t, "it has gone", func() bool { return len(ts.Sessions()) == 0 })
			if took := time.Since(began); took > soon {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestHalfAHandshakeIsEndedWithTheLogin(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]ftp.ListenerOptions{"implicit": {Implicit: true}, "explicit": plain} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			ts := serve(t, opts, func(s *ftp.Options) {
				s.Limits.LoginTimeout = 300 * time.Millisecond
				s.Hooks.Disconnect = func(*ftp.Conn, ftp.SessionRecord) { close(gone) }
			})
			c := ts.dial("")
			if !opts.Implicit {
				c.expect("220 ...")
				c.command("AUTH TLS", "234 ...")
			}
			c.sendRaw("\x16\x03\x01\x02")
			select {
			case <-gone:
			case <-time.After(patience):
				t.Error("it is there still")
			}
		})
	}
}

func TestAListingOnTheControlConnectionHasTheTimeOfAReply(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, func(s *ftp.Options) {
		s.Limits.WriteTimeout = 50 * time.Millisecond
		s.Backend = endlessBackend{s.Backend}
	})
	c := ts.login()
	c.command("STAT /", "212-...")
	for line := c.line(); ; line = c.line() {
		if strings.HasPrefix(line, "212 ") {
			break
		}
	}
	c.command("NOOP", "200 OK")
}

// endlessBackend has folders without end.
type endlessBackend struct{ ftp.Backend }

type endlessSession struct{ ftp.Session }

func (b endlessBackend) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	session, err := b.Backend.Login(ctx, c, user, password)
	return endlessSession{session}, err
}

func (s endlessSession) List(ctx context.Context, _ string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for {
			info, err := s.Stat(ctx, "/")
			if !yield(info, err) {
				return
			}
		}
	}
}

// What a client sends after the end of its data is in time, whatever it sent before,
// and however long the disk takes for the rest.
func TestACommandAfterTheEndOfTheDataWaitsForIt(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere the end is noticed when it is read")
	}
	ts, disk, release := serveStuck(t, nil)
	c := ts.login()
	conn := c.data(c.epsv())
	c.command("STOR g", "150 ...")
	io.WriteString(conn, "data")
	eventually(t, "the disk hangs", func() bool { return disk.waiting.Load() == 1 })
	c.command("SIZE g", "503 ...") // too early
	conn.Close()
	c.send("SIZE g")
	time.AfterFunc(300*time.Millisecond, release)
	c.talk("< 226 ...\n< 213 4")
}
