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
				s.Backend = closingBackend{diskBackend{dir}, cause}
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

type closingBackend struct {
	diskBackend
	cause chan error
}

func (b closingBackend) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	s, err := b.diskBackend.Login(ctx, c, user, password)
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
