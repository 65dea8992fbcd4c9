package storage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A folder is a descriptor that several goroutines use. It is closed when it
// was closed and the last of them has dropped it, so that none ever uses the
// number of another file.
type folder struct {
	fd     int
	mu     sync.Mutex
	users  int
	closed bool
	root   *os.Root // the same folder, once it was asked for
}

// lstat describes an entry of the folder itself: what os does with one call.
func (f *folder) lstat(name string) (fs.FileInfo, error) {
	f.mu.Lock()
	if f.root == nil && !f.closed {
		f.root, _ = os.OpenRoot(procPath(f.fd))
	}
	root := f.root
	f.mu.Unlock()
	if root == nil {
		return nil, fs.ErrClosed
	}
	return root.Lstat(name)
}

// hold reports whether the folder may be used, until it is dropped.
func (f *folder) hold() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.users++
	return true
}

func (f *folder) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users--; f.closed && f.users == 0 {
		release(f.fd)
	}
}

func (f *folder) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	if f.users == 0 {
		release(f.fd)
	}
	if f.root != nil {
		f.root.Close()
	}
}

// openHome opens the folder home below the folder root, and makes what is
// missing of it with that mode. No part of home may be a symbolic link: it
// could have been made by another user, whose home is above.
func openHome(root, home string, mode uint32) (int, error) {
	fd, err := openat(unix.AT_FDCWD, root, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil || home == "." {
		return fd, err
	}
	if !filepath.IsLocal(home) {
		release(fd)
		return -1, unix.EINVAL
	}
	for part := range strings.SplitSeq(filepath.Clean(home), "/") {
		next, err := enterOrMake(fd, part, mode)
		release(fd)
		if err != nil {
			return -1, err
		}
		fd = next
	}
	return fd, nil
}

// errHomeLink is for whoever runs the server to read.
var errHomeLink = errors.New("a part of its path is a symbolic link, which another user could have made")

// enterOrMake opens a folder, and makes it if it is missing.
func enterOrMake(dir int, name string, mode uint32) (int, error) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW
	fd, err := openat(dir, name, flags, 0)
	if errors.Is(err, unix.ENOTDIR) {
		if _, linkErr := readlinkat(dir, name); linkErr == nil {
			err = errHomeLink
		}
	}
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	if err := unix.Mkdirat(dir, name, mode); err != nil && !errors.Is(err, unix.EEXIST) {
		return -1, err
	}
	return openat(dir, name, flags, 0)
}

// openat is openat(2), which is not handed on to other programs.
func openat(dir int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, mode)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// readlinkat returns the target of a link; name is empty if dir is the link.
func readlinkat(dir int, name string) (string, error) {
	buf := make([]byte, maxPath)
	n, err := unix.Readlinkat(dir, name, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// release closes a descriptor, of which nothing was written.
func release(fd int) { _ = unix.Close(fd) }
