// Package filelock keeps two runs of a command from doing the same work at once.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Acquire takes an exclusive lock on a file, which it creates, and returns the function that releases it.
// While another process holds the lock, waiting is called once and Acquire waits until ctx ends. The
// kernel releases the lock of a process that dies, so there is no stale lock to remove.
func Acquire(ctx context.Context, path string, waiting func()) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			if current(f, path) {
				return func() { f.Close() }, nil
			}
			// The holder before us has removed the file: what we hold keeps nobody out.
			f.Close()
			return Acquire(ctx, path, waiting)
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		if first {
			waiting()
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// current tells whether a path still leads to an open file.
func current(f *os.File, path string) bool {
	mine, err1 := f.Stat()
	theirs, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(mine, theirs)
}
