package storage

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// beneath has the kernel walk a name as [Local.walk] does, but for what it
// refuses with EXDEV: links that are absolute, and ".." above the top.
const beneath = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS

// hasOpenat2 reports whether the kernel, and the sandbox around this process,
// have openat2(2).
func hasOpenat2(dir int) bool {
	fd, err := openat2(dir, ".", unix.O_PATH, 0, beneath)
	if err != nil {
		return false
	}
	release(fd)
	return true
}

func openat2(dir int, name string, flags int, mode uint32, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Mode: uint64(mode), Resolve: resolve}
	for {
		fd, err := unix.Openat2(dir, name, &how)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// open opens what name leads to, with flags of open(2) and the mode of a file
// that is made. A link in the last part is followed if follow says so.
func (l *Local) open(name string, follow bool, flags int, mode uint32) (int, error) {
	if err := checkName(name); err != nil {
		return -1, err
	}
	if !l.top.hold() {
		return -1, fs.ErrClosed
	}
	defer l.top.drop()
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	if l.openat2 {
		resolve := uint64(beneath)
		if l.noLinks {
			resolve |= unix.RESOLVE_NO_SYMLINKS
		}
		rel := strings.TrimLeft(name, "/")
		if rel == "" {
			rel = "."
		}
		fd, err := openat2(l.top.fd, rel, flags, mode, resolve)
		if !errors.Is(err, unix.EXDEV) && !errors.Is(err, unix.EAGAIN) {
			return fd, err
		}
	}
	return l.walkAndOpen(name, follow, flags, mode)
}

// walkAndOpen is open where the kernel does not walk as we want it.
func (l *Local) walkAndOpen(name string, follow bool, flags int, mode uint32) (fd int, err error) {
	for range maxLinks {
		fd, err = l.walkAndOpenOnce(name, follow, flags, mode)
		if !errors.Is(err, errChanged) {
			return fd, err
		}
	}
	return -1, unix.ELOOP
}

// errChanged means that somebody put a link where the walk found none.
var errChanged = errors.New("a link came in the way")

func (l *Local) walkAndOpenOnce(name string, follow bool, flags int, mode uint32) (int, error) {
	w, err := l.walk(name, follow)
	defer w.close()
	switch {
	case err != nil:
		return -1, err
	case w.at >= 0 && flags&(unix.O_PATH|unix.O_DIRECTORY) == unix.O_PATH:
		return w.take()
	case w.parent < 0:
		return openat(w.at, ".", flags, mode)
	}
	base := w.base
	if w.slash {
		base += "/" // which is of no link: nothing is there, or a folder
		if w.at >= 0 {
			return openat(w.at, ".", flags, mode)
		}
	}
	fd, err := openat(w.parent, base, flags|unix.O_NOFOLLOW, mode)
	if follow && errors.Is(err, unix.ELOOP) {
		return -1, errChanged
	}
	return fd, err
}

// with calls f with what name leads to, open for neither reading nor writing
// (O_PATH).
func (l *Local) with(name string, follow bool, f func(fd int) error) error {
	fd, err := l.open(name, follow, unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer release(fd)
	return f(fd)
}

// A place is a name in an open folder.
type place struct {
	dir   int
	base  string
	slash bool // the name ended with a slash: it means a folder
}

// at calls f with the folder of name, open, and the last part of name, which
// is not followed.
func (l *Local) at(name string, f func(place) error) error {
	dirName, base := path.Split(strings.TrimRight(name, "/"))
	switch base {
	case "":
		return fs.ErrPermission // the top itself is not the user's to change
	case ".", "..":
		return unix.EINVAL
	}
	if err := checkName(name); err != nil {
		return err
	}
	if !l.top.hold() {
		return fs.ErrClosed
	}
	defer l.top.drop()
	p := place{l.top.fd, base, meansFolder(name)}
	if strings.Trim(dirName, "/") != "" {
		dir, err := l.open(dirName, true, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		defer release(dir)
		p.dir = dir
	}
	if p.slash {
		if folder, err := p.isFolder(); err == nil && !folder {
			return unix.ENOTDIR
		}
	}
	return f(p)
}

// atBoth is at for two names.
func (l *Local) atBoth(a, b string, f func(a, b place) error) error {
	return l.at(a, func(a place) error {
		return l.at(b, func(b place) error { return f(a, b) })
	})
}

// isFolder reports whether the place is a folder, and no link to one.
func (p place) isFolder() (bool, error) {
	var s unix.Stat_t
	err := unix.Fstatat(p.dir, p.base, &s, unix.AT_SYMLINK_NOFOLLOW)
	return s.Mode&unix.S_IFMT == unix.S_IFDIR, err
}
