package ftp_test

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// onDisk is a folder of the host as it is: its files are those of the system.
func onDisk(t testing.TB, dir string) home {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return home{root}
}

// files are a folder that looks the same on every host, with most of what a session may
// implement. Nothing in it is known to be a file of the system.
type files struct {
	home
	quota atomic.Int64 // of all bytes that are written; 0 is none
	used  atomic.Int64
}

func newFiles(t *testing.T) *files { return &files{home: onDisk(t, t.TempDir())} }

func (f *files) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	if _, err := f.home.Login(ctx, c, user, password); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *files) SampleSession() ftp.Session { return f }

func (f *files) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	return f.entry(name)(f.home.Stat(ctx, name))
}

func (f *files) Lstat(_ context.Context, name string) (fs.FileInfo, error) {
	return f.entry(name)(f.root.Lstat(local(name)))
}

func (f *files) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for info, err := range f.home.List(ctx, name) {
			if err == nil {
				info, err = f.entry(path.Join(name, info.Name()))(info, nil)
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

func (f *files) OpenFile(_ context.Context, name string, flag int) (ftp.File, error) {
	file, err := f.root.OpenFile(local(name), flag, 0o644)
	if err != nil {
		return nil, err
	}
	return &openFile{file, f}, nil
}

func (f *files) Rename(ctx context.Context, oldName, newName string) error {
	if info, err := f.root.Stat(local(newName)); err == nil && info.IsDir() {
		return fs.ErrExist
	}
	return f.home.Rename(ctx, oldName, newName)
}

func (f *files) Symlink(_ context.Context, target, name string) error {
	return f.root.Symlink(target, local(name))
}

func (f *files) Chmod(_ context.Context, name string, mode fs.FileMode) error {
	return f.root.Chmod(local(name), mode)
}

func (f *files) SetModTime(_ context.Context, name string, at time.Time) error {
	return f.root.Chtimes(local(name), at, at)
}

func (f *files) Available(context.Context, string) (int64, error) { return 1 << 40, nil }

// write has a file hold data.
func (f *files) write(name string, data []byte) error {
	return f.root.WriteFile(local(name), data, 0o644)
}

// entry wraps what the host knows of a file.
func (f *files) entry(name string) func(fs.FileInfo, error) (fs.FileInfo, error) {
	return func(info fs.FileInfo, err error) (fs.FileInfo, error) {
		if err != nil {
			return nil, err
		}
		target, _ := f.root.Readlink(local(name))
		return entry{info, path.Base(name), target}, nil
	}
}

type entry struct {
	fs.FileInfo
	name, target string
}

func (e entry) Name() string       { return e.name }
func (e entry) Sys() any           { return nil }
func (e entry) LinkTarget() string { return e.target }

func (e entry) Size() int64 {
	if e.Mode().IsRegular() {
		return e.FileInfo.Size()
	}
	return 0
}

// An openFile counts what is written.
type openFile struct {
	file *os.File
	of   *files
}

func (f *openFile) Read(p []byte) (int, error)                 { return f.file.Read(p) }
func (f *openFile) Seek(offset int64, from int) (int64, error) { return f.file.Seek(offset, from) }
func (f *openFile) Truncate(size int64) error                  { return f.file.Truncate(size) }
func (f *openFile) Close() error                               { return f.file.Close() }

func (f *openFile) Stat() (fs.FileInfo, error) {
	return f.of.entry(f.file.Name())(f.file.Stat())
}

func (f *openFile) Write(p []byte) (int, error) {
	if quota := f.of.quota.Load(); quota > 0 && f.of.used.Add(int64(len(p))) > quota {
		f.of.used.Add(-int64(len(p)))
		return 0, ftp.ErrQuota
	}
	return f.file.Write(p)
}

// brokenBackend logs everybody in to a file system on which nothing works.
type brokenBackend struct{}

func (brokenBackend) Login(context.Context, *ftp.Conn, string, string) (ftp.Session, error) {
	return brokenSession{home{}}, nil
}

type brokenSession struct{ ftp.Session }

func (brokenSession) Stat(context.Context, string) (fs.FileInfo, error) {
	return nil, errors.New("input/output error on /host/path")
}

// bornBackend logs everybody in to a file system that keeps times of creation.
type bornBackend struct{ fs *files }

func (b bornBackend) Login(context.Context, *ftp.Conn, string, string) (ftp.Session, error) {
	return bornSession{b.fs}, nil
}

type bornSession struct{ ftp.Session }

// SetCreateTime tells what it was given by a name, as there is no fact for it.
func (s bornSession) SetCreateTime(ctx context.Context, name string, t time.Time) error {
	return s.Mkdir(ctx, name+" of "+t.UTC().Format(time.DateTime))
}
