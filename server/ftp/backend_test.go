package ftp_test

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/memfs"
)

// brokenBackend logs everybody in to a file system on which nothing works.
type brokenBackend struct{}

func (brokenBackend) Login(context.Context, *ftp.Conn, string, string) (ftp.Session, error) {
	return brokenSession{memfs.NewFS().Session()}, nil
}

type brokenSession struct{ ftp.Session }

func (brokenSession) Stat(context.Context, string) (fs.FileInfo, error) {
	return nil, errors.New("input/output error on /host/path")
}

// bornBackend logs everybody in to a file system that keeps times of creation.
type bornBackend struct{ fs *memfs.FS }

func (b bornBackend) Login(context.Context, *ftp.Conn, string, string) (ftp.Session, error) {
	return bornSession{b.fs.Session()}, nil
}

type bornSession struct{ ftp.Session }

// SetCreateTime tells what it was given by a name, as there is no fact for it.
func (s bornSession) SetCreateTime(ctx context.Context, name string, t time.Time) error {
	return s.Mkdir(ctx, name+" of "+t.UTC().Format(time.DateTime))
}

// diskBackend logs everybody in to a directory of the host. It is for tests of
// speed; it does not keep symbolic links from leading elsewhere.
type diskBackend struct{ dir string }

func (b diskBackend) Login(context.Context, *ftp.Conn, string, string) (ftp.Session, error) {
	return diskSession{dir: b.dir}, nil
}

type diskSession struct{ dir string }

func (s diskSession) path(name string) string { return filepath.Join(s.dir, path.Clean("/"+name)) }

func (s diskSession) Stat(_ context.Context, name string) (fs.FileInfo, error) {
	return os.Stat(s.path(name))
}

func (s diskSession) List(_ context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		entries, err := os.ReadDir(s.path(name))
		if err != nil {
			yield(nil, err)
			return
		}
		for _, e := range entries {
			if info, err := e.Info(); !yield(info, err) {
				return
			}
		}
	}
}

func (s diskSession) OpenFile(_ context.Context, name string, flag int) (ftp.File, error) {
	f, err := os.OpenFile(s.path(name), flag, 0o644)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (s diskSession) Mkdir(_ context.Context, name string) error {
	return os.Mkdir(s.path(name), 0o755)
}
func (s diskSession) Remove(_ context.Context, name string) error    { return os.Remove(s.path(name)) }
func (s diskSession) RemoveDir(_ context.Context, name string) error { return os.Remove(s.path(name)) }
func (s diskSession) Rename(_ context.Context, from, to string) error {
	return os.Rename(s.path(from), s.path(to))
}
func (s diskSession) Close() error { return nil }
