package ftp_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// growingBackend is a folder of the host whose files have grown since they were looked
// at, from no size.
type growingBackend struct{ home }

func (b growingBackend) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	s, err := b.home.Login(ctx, c, user, password)
	return growingSession{s}, err
}

type growingSession struct{ ftp.Session }

func (s growingSession) OpenFile(ctx context.Context, name string, flag int) (ftp.File, error) {
	f, err := s.Session.OpenFile(ctx, name, flag)
	if err != nil {
		return nil, err
	}
	return growingFile{f.(*os.File)}, nil
}

type growingFile struct{ *os.File }

func (f growingFile) OSFile() *os.File { return f.File }

func (f growingFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return emptyInfo{info}, err
}

type emptyInfo struct{ fs.FileInfo }

func (emptyInfo) Size() int64 { return 0 }

func TestADownloadThatTurnsOutLargeIsFinishedAsAnyOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := bytes.Repeat([]byte("large"), 1_000_000)
	if err := os.WriteFile(filepath.Join(dir, "f"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	rec := &recorder{}
	ts := serve(t, plain, func(s *ftp.Options) {
		rec.hook(s)
		s.Backend = growingBackend{onDisk(t, dir)}
	})
	c := ts.login()
	for i := range 3 {
		conn := c.data(c.epsv())
		c.command("RETR f", "150 ...")
		c.command("NOOP", "200 ...") // answered meanwhile
		if data, err := io.ReadAll(conn); err != nil || !bytes.Equal(data, want) {
			t.Errorf("got %d bytes, %v", len(data), err)
		}
		c.expect("226 ...")
		if r := rec.lastTransfer(t, i+1); r.Bytes != int64(len(want)) || r.Err != nil {
			t.Errorf("%+v", r)
		}
	}
}

func TestAnUploadThatTurnsOutSlowIsFinishedAsAnyOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ts := serve(t, plain, func(s *ftp.Options) { s.Backend = onDisk(t, dir) })
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

func TestAnUploadThatTricklesInLeavesTheControlConnectionFree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ts := serve(t, plain, func(s *ftp.Options) { s.Backend = onDisk(t, dir) })
	c := ts.login()
	conn := c.data(c.epsv())
	c.command("STOR f", "150 ...")
	answered, sent := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { sent <- n }()
		beat := time.NewTicker(time.Millisecond) // never so long that it is slow
		defer beat.Stop()
		for ; ; n++ {
			select {
			case <-answered:
				return
			case <-beat.C:
			}
			if _, err := conn.Write([]byte{'x'}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	c.command("NOOP", "200 ...")
	close(answered)
	n := <-sent
	conn.Close()
	c.expect("226 ...")
	if got, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || len(got) != n {
		t.Errorf("got %d of %d bytes, %v", len(got), n, err)
	}
}
