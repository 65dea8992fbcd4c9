package move

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// inMoments is a deadline that no test is to meet.
func inMoments() time.Time { return time.Now().Add(time.Minute) }

// connected returns both ends of a connection.
func connected(t testing.TB) (conn, peer *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialed, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		dialed.Close()
		accepted.Close()
	})
	dialed.SetDeadline(inMoments())
	return accepted.(*net.TCPConn), dialed.(*net.TCPConn)
}

func random(size int) []byte {
	data := make([]byte, size)
	rand.Read(data)
	return data
}

func fileOf(t *testing.T, data []byte) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func contentOf(t *testing.T, f *os.File) []byte {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// all moves all that m has, n bytes at a time.
func all(m Mover, n int) (moved int, err error) {
	defer m.Close()
	for err == nil {
		var now int
		now, err = m.Move(n, inMoments())
		moved += now
	}
	if err == io.EOF {
		err = nil
	}
	return moved, err
}

// A wrapped connection is none that the kernel can use.
type wrapped struct{ net.Conn }

// An opaqueFile does not say which file it is.
type opaqueFile struct{ f *os.File }

func (f opaqueFile) Read(p []byte) (int, error)  { return f.f.Read(p) }
func (f opaqueFile) Write(p []byte) (int, error) { return f.f.Write(p) }

func TestDownloadsArriveWhicheverWayTheyGo(t *testing.T) {
	t.Parallel()
	data := random(5<<20 + 17)
	for name, test := range map[string]struct {
		conn func(*net.TCPConn) net.Conn
		from func(*os.File) io.Reader
	}{
		"sendfile":          {func(c *net.TCPConn) net.Conn { return c }, func(f *os.File) io.Reader { return f }},
		"a copy":            {func(c *net.TCPConn) net.Conn { return wrapped{c} }, func(f *os.File) io.Reader { return f }},
		"a copy of no file": {func(c *net.TCPConn) net.Conn { return c }, func(f *os.File) io.Reader { return opaqueFile{f} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, peer := connected(t)
			f := fileOf(t, data)
			if _, err := f.Seek(17, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			moved := make(chan int, 1)
			go func() {
				n, err := all(Download(t.Context(), New(test.conn(conn), &Buffers{}), test.from(f), NewTurns()), 1<<20)
				if err != nil {
					t.Error(err)
				}
				conn.Close()
				moved <- n
			}()
			got, err := io.ReadAll(peer)
			if err != nil || !bytes.Equal(got, data[17:]) {
				t.Errorf("%d bytes of %d came, %v", len(got), len(data)-17, err)
			}
			if n := <-moved; n != len(data)-17 {
				t.Errorf("%d bytes were moved", n)
			}
		})
	}
}

func TestUploadsArriveWhicheverWayTheyGo(t *testing.T) {
	t.Parallel()
	data := random(5<<20 + 17)
	for name, test := range map[string]struct {
		conn func(*net.TCPConn) net.Conn
		to   func(*os.File) io.Writer
	}{
		"plain":             {func(c *net.TCPConn) net.Conn { return c }, func(f *os.File) io.Writer { return f }},
		"through a wrapper": {func(c *net.TCPConn) net.Conn { return wrapped{c} }, func(f *os.File) io.Writer { return f }},
		"into no file":      {func(c *net.TCPConn) net.Conn { return c }, func(f *os.File) io.Writer { return opaqueFile{f} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, peer := connected(t)
			f := fileOf(t, nil)
			go func() {
				peer.Write(data)
				peer.CloseWrite()
			}()
			n, err := all(Upload(test.to(f), New(test.conn(conn), &Buffers{})), 1<<20)
			if err != nil || n != len(data) || !bytes.Equal(contentOf(t, f), data) {
				t.Errorf("%d bytes of %d came, %v", n, len(data), err)
			}
		})
	}
}

// A lateConn has deadlines that have passed already, a number of times.
type lateConn struct {
	wrapped
	times int
}

func (c *lateConn) SetWriteDeadline(by time.Time) error {
	if c.times > 0 {
		c.times--
		by = time.Now().Add(-time.Second)
	}
	return c.Conn.SetWriteDeadline(by)
}

func TestADeadlineThatHasPassedLosesNothing(t *testing.T) {
	t.Parallel()
	data := random(1 << 20)
	conn, peer := connected(t)
	late := &lateConn{wrapped{conn}, 3}
	m := Download(t.Context(), New(late, &Buffers{}), fileOf(t, data), NewTurns())
	go func() {
		defer conn.Close()
		for {
			_, err := m.Move(1<<20, inMoments())
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
		}
	}()
	if got, err := io.ReadAll(peer); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes came, %v", len(got), err)
	}
}

func TestADownloadGoesOnAfterADeadline(t *testing.T) {
	t.Parallel()
	data := random(32 << 20)
	for name, from := range map[string]func(*os.File) io.Reader{
		"sendfile": func(f *os.File) io.Reader { return f },
		"a copy":   func(f *os.File) io.Reader { return opaqueFile{f} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, peer := connected(t)
			m := Download(t.Context(), New(conn, &Buffers{}), from(fileOf(t, data)), NewTurns())
			defer m.Close()
			sent := 0
			var err error
			for err == nil || sent == 0 && errors.Is(err, os.ErrDeadlineExceeded) { // until the peer, which reads nothing, has enough
				var n int
				n, err = m.Move(8<<20, time.Now().Add(50*time.Millisecond))
				sent += n
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) || sent == 0 || sent == len(data) {
				t.Fatalf("%d bytes were sent, %v", sent, err)
			}
			go func() {
				n, err := all(m, 8<<20)
				if sent += n; err != nil || sent != len(data) {
					t.Errorf("%d bytes were sent, %v", sent, err)
				}
				conn.Close()
			}()
			if got, err := io.ReadAll(peer); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes came, %v", len(got), err)
			}
		})
	}
}

// A refusing Mover is one that the kernel does not do.
type refusing struct{ closed *bool }

func (r refusing) Move(int, time.Time) (int, error) {
	return 0, os.NewSyscallError("sendfile", syscall.EINVAL)
}
func (r refusing) Close() { *r.closed = true }

func TestWhatTheKernelRefusesIsCopied(t *testing.T) {
	t.Parallel()
	conn, peer := connected(t)
	data, closed := random(100_000), false
	c := New(conn, &Buffers{})
	m := &attempt{Mover: refusing{&closed}, toCopy: func() Mover {
		return &sender{to: c, from: bytes.NewReader(data), block: c.buffers.block()}
	}}
	go func() {
		if n, err := all(m, 1<<20); n != len(data) || err != nil || !closed {
			t.Errorf("%d bytes, %v, closed %v", n, err, closed)
		}
		conn.Close()
	}()
	if got, err := io.ReadAll(peer); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes came, %v", len(got), err)
	}
}

func TestErrorsOfTheConnectionAreToldFromThoseOfTheFile(t *testing.T) {
	t.Parallel()
	conn, _ := connected(t)
	c := New(conn, &Buffers{})
	var ofConn *ConnError
	directory, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer directory.Close()
	if _, err := all(Download(t.Context(), c, directory, NewTurns()), 10); err == nil || errors.As(err, &ofConn) {
		t.Errorf("of a directory: %v", err)
	}
	f := fileOf(t, random(1<<20))
	for name, mover := range map[string]func(*Conn) Mover{
		"a download": func(c *Conn) Mover { return Download(t.Context(), c, f, NewTurns()) },
		"an upload":  func(c *Conn) Mover { return Upload(f, c) },
	} {
		conn, peer := connected(t)
		peer.SetLinger(0)
		peer.Close()
		if _, err := all(mover(New(conn, &Buffers{})), 1<<20); !errors.As(err, &ofConn) {
			t.Errorf("%s after a reset: %v", name, err)
		}
	}
}

func TestWhoWaitsForATurnEndsWithTheContext(t *testing.T) {
	t.Parallel()
	turns := NewTurns()
	for range cap(turns) {
		turns <- struct{}{}
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(gone)
	w := &waiter{ctx: ctx, turns: turns}
	if err := w.take(); !errors.Is(err, gone) {
		t.Errorf("the wait ends with %v", err)
	}
}

func TestATurnThatNobodyGivesBackIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	turns := NewTurns()
	for range cap(turns) {
		turns <- struct{}{}
	}
	w := &waiter{ctx: t.Context(), turns: turns}
	for range 2 {
		if err := w.take(); err != nil {
			t.Fatal(err)
		}
		w.give()
	}
	if len(turns) != cap(turns) {
		t.Error("somebody else's turn was given back")
	}
	<-turns
	w.slow = false
	if err := w.take(); err != nil || !w.held {
		t.Errorf("a free turn was not taken, %v", err)
	}
	if w.give(); len(turns) != cap(turns)-1 {
		t.Error("a turn was not given back")
	}
}
