package ftp_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// hesitantConn lets a first attempt to send a file time out after one byte.
type hesitantConn struct {
	net.Conn
	attempts *atomic.Int64
}

func (c hesitantConn) ReadFrom(r io.Reader) (int64, error) {
	if c.attempts.Add(1) == 1 {
		n, err := io.CopyN(struct{ io.Writer }{c.Conn}, r, 1)
		if err != nil {
			return n, err
		}
		return n, os.ErrDeadlineExceeded
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

func TestASmallDownloadThatTurnsOutSlowIsFinishedAsAnyOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("data"), 0o644); err != nil {
		t.Fatal(err)
	}
	var attempts atomic.Int64
	rec := &recorder{}
	ts := serve(t, plain, func(s *ftp.Server) {
		rec.hook(s)
		s.Backend = diskBackend{dir}
		s.WrapData = func(_ *ftp.Conn, conn net.Conn) net.Conn { return hesitantConn{conn, &attempts} }
	})
	c := ts.login()
	for i := range 3 {
		conn := c.data(c.epsv())
		eventually(t, "the data connection has arrived", func() bool { return len(ts.Sessions()) == 1 })
		c.command("RETR f", "150 ...")
		if data, err := io.ReadAll(conn); err != nil || string(data) != "data" {
			t.Errorf("got %q, %v", data, err)
		}
		c.expect("226 ...")
		if r := rec.lastTransfer(t, i+1); r.Bytes != 4 || r.Err != nil {
			t.Errorf("%+v", r)
		}
		c.command("NOOP", "200 ...")
	}
}

func TestAnUploadThatTurnsOutSlowIsFinishedAsAnyOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ts := serve(t, plain, func(s *ftp.Server) { s.Backend = diskBackend{dir} })
	c := ts.login()
	large := bytes.Repeat([]byte("large"), 100_000)
	for _, test := range []struct {
		name        string
		first, rest []byte
	}{
		{"nothing at first", nil, []byte("data")},
		{"a part at first", []byte("da"), []byte("ta")},
		{"large", large, large},
	} {
		conn := c.data(c.epsv())
		c.command("STOR f", "150 ...")
		conn.Write(test.first)
		c.command("NOOP", "200 ...") // answered meanwhile
		conn.Write(test.rest)
		conn.Close()
		c.expect("226 ...")
		want := string(test.first) + string(test.rest)
		if got, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || string(got) != want {
			t.Errorf("%s: got %d bytes, %v", test.name, len(got), err)
		}
	}
}
