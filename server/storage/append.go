package storage

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lockWait is how long an append waits for others that append to the file, or
// for a program that has it locked. Those that append are done in no time.
const lockWait = 10 * time.Second

// An appended file is open with O_APPEND: all that is written goes to the end, in
// one piece, whoever else appends. The system sees to that within one node. On
// NFS each node writes at what it takes for the end, so the file is locked
// meanwhile; that lets a node know the true end, too.
//
// It is no *os.File, for the kernel cannot move bytes to the end.
type appended struct{ f *os.File }

var (
	_ File         = (*appended)(nil)
	_ syscall.Conn = (*appended)(nil)
)

// Write appends p in one piece.
func (a *appended) Write(p []byte) (n int, err error) {
	err = a.locked(func() (err error) {
		n, err = a.f.Write(p)
		return err
	})
	return n, err
}

// WriteAt appends p, wherever it should go.
func (a *appended) WriteAt(p []byte, _ int64) (int, error) { return a.Write(p) }

// locked calls write while nobody else appends.
func (a *appended) locked(write func() error) error {
	release := func() { _ = descriptor(a, func(fd int) error { return unix.Flock(fd, unix.LOCK_UN) }) }
	for start, pause := time.Now(), 100*time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		err := lock(a)
		if err == nil {
			defer release()
			return write()
		}
		if !errors.Is(err, syscall.EBUSY) || time.Since(start) > lockWait {
			return err
		}
		time.Sleep(pause)
	}
}

func (a *appended) Read(p []byte) (int, error)               { return a.f.Read(p) }
func (a *appended) ReadAt(p []byte, at int64) (int, error)   { return a.f.ReadAt(p, at) }
func (a *appended) Seek(at int64, whence int) (int64, error) { return a.f.Seek(at, whence) }
func (a *appended) Stat() (os.FileInfo, error)               { return a.f.Stat() }
func (a *appended) Truncate(size int64) error                { return a.f.Truncate(size) }
func (a *appended) Sync() error                              { return a.f.Sync() }
func (a *appended) Close() error                             { return a.f.Close() }

// Chmod sets the mode of the open file.
func (a *appended) Chmod(mode os.FileMode) error { return chmodOpen(a, mode) }

// Chtimes sets the times of the open file.
func (a *appended) Chtimes(accessed, modified time.Time) error {
	return chtimesOpen(a, accessed, modified)
}

func chmodOpen(f File, mode os.FileMode) error {
	return descriptor(f, func(fd int) error { return unix.Fchmod(fd, bits(mode)) })
}

func chtimesOpen(f File, accessed, modified time.Time) error {
	return descriptor(f, func(fd int) error { return setTimes(fd, accessed, modified) })
}

// SyscallConn implements [syscall.Conn].
func (a *appended) SyscallConn() (syscall.RawConn, error) { return a.f.SyscallConn() }

// appendSize is how much is appended in one piece.
const appendSize = 256 << 10

// appendTo appends a hidden file to one that was made while it was written, and
// removes it.
func appendTo(tree FS, name, partial string) error {
	from, err := tree.OpenFile(partial, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := tree.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	// No more than these methods: io.Copy would look for others.
	_, err = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, appendSize))
	if err := errors.Join(err, flush(to), to.Close()); err != nil {
		return err
	}
	return tree.Remove(partial)
}
