package ftp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// A cutConn passes on only so many bytes of what is written, once it is cut.
type cutConn struct {
	net.Conn
	cut  bool
	left int
}

func (c *cutConn) Write(p []byte) (int, error) {
	if !c.cut {
		return c.Conn.Write(p)
	}
	n := min(c.left, len(p))
	c.left -= n
	if _, err := c.Conn.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

func TestATLSStreamThatEndsWithinARecordIsNoWholeUpload(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]struct {
		version uint16
		suites  []uint16
	}{
		"TLS 1.2, AES":      {tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}},
		"TLS 1.2, ChaCha20": {tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}},
		"TLS 1.3":           {tls.VersionTLS13, nil},
	} {
		config := clientTLS(version.version)
		config.CipherSuites = version.suites
		for left, want := range map[int]string{
			0:    "226 ...", // many clients end without close_notify
			3:    "426 ...", // within the header of a record
			5000: "426 ...",
		} {
			rec := &recorder{}
			ts := serve(t, plain, rec.hook)
			c := ts.connect().startTLS(config).login().protectData(config)
			conn := &cutConn{Conn: c.data(c.epsv()), left: left}
			c.command("STOR f", "150 ...")
			secured := tls.Client(conn, config)
			if _, err := secured.Write(bytes.Repeat([]byte("a"), 1000)); err != nil {
				t.Fatal(err)
			}
			conn.cut = true
			if _, err := secured.Write(bytes.Repeat([]byte("b"), 10_000)); err != nil {
				t.Fatal(err)
			}
			conn.Conn.Close()
			if got := c.line(); !matches(got, want) {
				t.Errorf("%s, with %d bytes of a record: %q", name, left, got)
			}
			if r := rec.lastTransfer(t, 1); (r.Err == nil) != (left == 0) {
				t.Errorf("%s, with %d bytes of a record: %+v", name, left, r)
			}
		}
	}
}

// An closingFile notes how it is closed.
type closingFile struct {
	*os.File
	cause chan error
}

func (f closingFile) Close() error {
	f.cause <- nil
	return f.File.Close()
}

func (f closingFile) CloseWithError(err error) error {
	f.cause <- err
	return f.File.Close()
}

func TestAnUploadIsAbortedIfItsControlConnectionHasEnded(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(control, data *net.TCPConn){
		"control first": func(control, data *net.TCPConn) { control.Close(); data.Close() },
		"data first":    func(control, data *net.TCPConn) { data.Close(); control.Close() },
		"half closed":   func(control, data *net.TCPConn) { _ = control.CloseWrite(); data.Close() },
		"reset":         func(control, data *net.TCPConn) { _ = control.SetLinger(0); control.Close(); data.Close() },
	} {
		for _, protected := range []bool{false, true} {
			dir, cause := t.TempDir(), make(chan error, 1)
			rec := &recorder{}
			ts := serve(t, plain, func(s *ftp.Options) {
				rec.hook(s)
				s.Backend = closingBackend{onDisk(t, dir), cause}
			})
			c := ts.connect()
			control := c.conn.(*net.TCPConn)
			config := clientTLS(tls.VersionTLS13)
			if protected {
				c = c.startTLS(config).login().protectData(config)
			} else {
				c.login()
			}
			raw := c.data(c.epsv()).(*net.TCPConn)
			c.command("STOR f", "150 ...")
			w := io.Writer(raw)
			if protected {
				w = tls.Client(raw, config)
			}
			if _, err := w.Write([]byte("half")); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the half has arrived", func() bool {
				info, err := os.Stat(filepath.Join(dir, "f"))
				return err == nil && info.Size() == 4
			})
			end(control, raw)
			if r := rec.lastTransfer(t, 1); r.Err == nil || r.Code == 226 {
				t.Errorf("%s, TLS %v: %+v", name, protected, r)
			}
			if err := <-cause; err == nil {
				t.Errorf("%s, TLS %v: the file is complete", name, protected)
			}
		}
	}
}

// passed waits for as long as d after since.
func passed(t *testing.T, since time.Time, d time.Duration) {
	t.Helper()
	eventually(t, "the time has passed", func() bool { return time.Since(since) >= d })
}

// The kernel of a client that is killed may be busy, and takes a while to close the second
// connection. That an end without close_notify is no habit of the client is known as long
// as it has not done so before.
func TestTheFirstEndOfTLSWithoutCloseNotifyIsMostLikelyThatOfTheClient(t *testing.T) {
	t.Parallel()
	config := clientTLS(tls.VersionTLS13)
	start := func(change func(*ftp.Options)) (*client, *recorder, func() net.Conn) {
		rec := &recorder{}
		c := serve(t, plain, func(s *ftp.Options) {
			rec.hook(s)
			if change != nil {
				change(s)
			}
		}).connect()
		control := c.conn
		c = c.startTLS(config).login().protectData(config)
		return c, rec, func() net.Conn {
			raw := c.data(c.epsv())
			c.command("STOR f", "150 ...")
			if _, err := tls.Client(raw, config).Write([]byte("half")); err != nil {
				t.Fatal(err)
			}
			raw.Close()
			return control
		}
	}
	dir, cause := t.TempDir(), make(chan error, 1)
	_, rec, upload := start(func(s *ftp.Options) { s.Backend = closingBackend{onDisk(t, dir), cause} })
	control := upload()
	passed(t, time.Now(), 60*time.Millisecond)
	control.Close()
	if r := rec.lastTransfer(t, 1); r.Err == nil || <-cause == nil {
		t.Errorf("the file is complete: %+v", r)
	}

	c, rec, upload := start(nil)
	var least time.Duration
	for i := range 5 {
		upload()
		c.expect("226 ...")
		if took := rec.lastTransfer(t, i+1).Duration; i == 1 || i > 1 && took < least {
			least = took
		}
	}
	if least >= 500*time.Millisecond {
		t.Errorf("a client that ends all TLS so waits for %v each time", least)
	}
}

// A lateFile is not written until it is told so.
type lateFile struct {
	closingFile
	writing chan struct{} // closed when something has come
	write   chan struct{}
}

func (f lateFile) Write(p []byte) (int, error) {
	close(f.writing)
	<-f.write
	return f.closingFile.Write(p)
}

type lateSession struct {
	ftp.Session
	backend lateBackend
}

func (s lateSession) OpenFile(ctx context.Context, name string, flag int) (ftp.File, error) {
	f, err := s.Session.OpenFile(ctx, name, flag)
	if err != nil {
		return nil, err
	}
	return lateFile{f.(closingFile), s.backend.writing, s.backend.write}, nil
}

type lateBackend struct {
	closingBackend
	writing, write chan struct{}
}

func (b lateBackend) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	s, err := b.closingBackend.Login(ctx, c, user, password)
	return lateSession{s, b}, err
}

// What delays the server may delay the kernel that closes the connections of a client.
func TestAServerThatIsLateGivesAClientAsLongToEnd(t *testing.T) {
	t.Parallel()
	backend := lateBackend{closingBackend{onDisk(t, t.TempDir()), make(chan error, 1)}, make(chan struct{}), make(chan struct{})}
	rec := &recorder{}
	c := serve(t, plain, func(s *ftp.Options) {
		rec.hook(s)
		s.Backend = backend
	}).login()
	data := c.data(c.epsv())
	c.command("STOR f", "150 ...")
	if _, err := io.WriteString(data, "half"); err != nil {
		t.Fatal(err)
	}
	data.Close()
	<-backend.writing
	passed(t, time.Now(), 400*time.Millisecond)
	close(backend.write)
	passed(t, time.Now(), 30*time.Millisecond)
	c.conn.Close()
	if r := rec.lastTransfer(t, 1); r.Err == nil || <-backend.cause == nil {
		t.Errorf("the file is complete: %+v", r)
	}
}

type closingBackend struct {
	home
	cause chan error
}

func (b closingBackend) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	s, err := b.home.Login(ctx, c, user, password)
	return closingSession{s, b.cause}, err
}

type closingSession struct {
	ftp.Session
	cause chan error
}

func (s closingSession) OpenFile(ctx context.Context, name string, flag int) (ftp.File, error) {
	f, err := s.Session.OpenFile(ctx, name, flag)
	if err != nil {
		return nil, err
	}
	return closingFile{f.(*os.File), s.cause}, nil
}

func TestAClientThatHasSaidMoreBehindTheDataIsThere(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	for name, commands := range map[string][]string{
		"QUIT": {"QUIT"}, "another command": {"SIZE f"}, "two": {"NOOP", "QUIT"},
	} {
		for range 20 {
			c := ts.login()
			conn := c.data(c.epsv())
			c.command("STOR f", "150 ...")
			if _, err := io.WriteString(conn, "all"); err != nil {
				t.Fatal(err)
			}
			conn.Close()
			for _, command := range commands {
				c.send(command)
			}
			if commands[len(commands)-1] == "QUIT" {
				_ = c.conn.(*net.TCPConn).CloseWrite()
			}
			for done := false; !done; {
				switch line := c.line(); {
				case matches(line, "226 ..."):
					done = true
				case !matches(line, "200 ..."):
					t.Fatalf("%s: got %q", name, line)
				}
			}
		}
	}
}
