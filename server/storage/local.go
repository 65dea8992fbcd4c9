package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// homeMode is for folders of homes: the group, which the volume's fsGroup
// makes that of every pod, may write.
const homeMode = 0o770

// Local is a folder on a disk.
type Local struct {
	top     *folder
	modes   func() Modes
	paths   []string // of the folder on the host, see fromTop
	openat2 bool     // the kernel has it
	noLinks bool     // see NoLinks
}

var _ FS = (*Local)(nil)

// OpenLocal opens home, a relative path below the folder root, and makes what
// is missing of it. No part of home may be a symbolic link. Modes, of which one
// may be given, says what modes all that is made has; it is asked each time.
func OpenLocal(root, home string, modes ...func() Modes) (*Local, error) {
	l := &Local{modes: func() Modes { return Modes{} }}
	if len(modes) > 0 {
		l.modes = modes[0]
	}
	fd, err := openHome(root, home, bits(l.modes().folder(homeMode)))
	if err != nil {
		return nil, fmt.Errorf("opening the home folder: %w", withoutPath(err))
	}
	l.top = &folder{fd: fd}
	l.openat2 = hasOpenat2(fd)
	l.paths = []string{filepath.Join(root, home)}
	if found, err := os.Readlink(procPath(fd)); err == nil && !slices.Contains(l.paths, found) {
		l.paths = append(l.paths, found)
	}
	l.paths = slices.DeleteFunc(l.paths, func(p string) bool { return p == "/" || !path.IsAbs(p) })
	return l, nil
}

// Close releases the folder.
func (l *Local) Close() error {
	l.top.close()
	return nil
}

// NoLinks implements [FS].
func (l *Local) NoLinks() FS {
	without := *l
	without.noLinks = true
	return &without
}

// checkName refuses what is no name.
func checkName(name string) error {
	if strings.IndexByte(name, 0) >= 0 {
		return ErrName
	}
	if len(name) >= maxPath {
		return unix.ENAMETOOLONG
	}
	return nil
}

// named puts the caller's name in place of whatever path an error has.
func named(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: withoutPath(err)}
}

// withoutPath is the reason inside an error of package os.
func withoutPath(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	if e := (*os.LinkError)(nil); errors.As(err, &e) {
		return e.Err
	}
	if e := (*os.SyscallError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// Stat implements [FS].
func (l *Local) Stat(name string) (fs.FileInfo, error) {
	info, err := l.describe(name, true)
	return info, named("stat", name, err)
}

// Lstat implements [FS].
func (l *Local) Lstat(name string) (fs.FileInfo, error) {
	info, err := l.describe(name, meansFolder(name))
	return info, named("lstat", name, err)
}

func (l *Local) describe(name string, follow bool) (fs.FileInfo, error) {
	if part := strings.TrimPrefix(name, "/"); isPart(part) {
		info, err := l.top.lstat(part)
		isLink := err == nil && info.Mode()&fs.ModeSymlink != 0
		if err == nil && (!isLink || !follow) || errors.Is(err, fs.ErrNotExist) {
			return info, err
		}
	}
	fd, err := l.open(name, follow, unix.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), path.Base(path.Clean("/"+name)))
	defer f.Close()
	return f.Stat()
}

// isPart reports whether a name is an entry of its folder, and nothing that
// the kernel gives a meaning.
func isPart(name string) bool {
	return name != "" && name != "." && name != ".." && strings.IndexByte(name, '/') < 0
}

// meansFolder reports whether a name ends with a slash. A link there is
// followed in any case (POSIX.1-2024, 4.16).
func meansFolder(name string) bool { return strings.HasSuffix(name, "/") }

// OpenFile implements [FS].
func (l *Local) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := l.openFile(name, flag&^(Upload|Hide), perm)
	if err != nil {
		return nil, named("open", name, err)
	}
	if flag&os.O_APPEND != 0 {
		return &appended{f}, nil
	}
	return f, nil
}

func (l *Local) openFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	var mode uint32
	if flag&os.O_CREATE != 0 {
		mode = bits(l.modes().file(perm.Perm()))
	}
	// O_NONBLOCK: opening a pipe must not wait for its other end. It changes
	// nothing for regular files.
	fd, err := l.open(name, flag&os.O_EXCL == 0, flag|unix.O_NONBLOCK, mode)
	if err != nil {
		return nil, err
	}
	if err := onlyRegular(fd); err != nil {
		release(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// onlyRegular refuses what is open and no regular file.
func onlyRegular(fd int) error {
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		return err
	}
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFDIR:
		return unix.EISDIR
	}
	return fs.ErrPermission
}

// Mkdir implements [FS].
func (l *Local) Mkdir(name string, perm fs.FileMode) error {
	return named("mkdir", name, l.at(name, func(p place) error {
		mode := l.modes().folder(perm)
		if err := unix.Mkdirat(p.dir, p.base, bits(mode.Perm())); err != nil {
			return err
		}
		if mode&specialBits != 0 {
			addBits(p, bits(mode&specialBits))
		}
		return nil
	}))
}

// addBits adds to the mode of a folder, if the system allows it: a folder
// without a bit that was asked for is no failure.
func addBits(p place, more uint32) {
	fd, err := openat(p.dir, p.base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer release(fd)
	var s unix.Stat_t
	if unix.Fstat(fd, &s) == nil {
		_ = unix.Fchmod(fd, s.Mode&0o7777|more)
	}
}

// Remove implements [FS].
func (l *Local) Remove(name string) error {
	return named("remove", name, l.at(name, func(p place) error { return unix.Unlinkat(p.dir, p.base, 0) }))
}

// RemoveDir implements [FS].
func (l *Local) RemoveDir(name string) error {
	return named("rmdir", name, l.at(name, func(p place) error {
		return unix.Unlinkat(p.dir, p.base, unix.AT_REMOVEDIR)
	}))
}

// Link implements [FS].
func (l *Local) Link(oldName, newName string) error {
	return named("link", oldName, l.atBoth(oldName, newName, func(from, to place) error {
		if to.slash {
			return unix.ENOENT
		}
		return unix.Linkat(from.dir, from.base, to.dir, to.base, 0)
	}))
}

// Symlink implements [FS].
func (l *Local) Symlink(target, name string) error {
	if target == "" || strings.IndexByte(target, 0) >= 0 {
		return named("symlink", name, ErrName)
	}
	return named("symlink", name, l.at(name, func(p place) error {
		if p.slash {
			return unix.ENOENT
		}
		return unix.Symlinkat(target, p.dir, p.base)
	}))
}

// Readlink implements [FS].
func (l *Local) Readlink(name string) (target string, err error) {
	err = l.at(name, func(p place) (err error) {
		if p.slash {
			return unix.EINVAL // it means a folder
		}
		target, err = readlinkat(p.dir, p.base)
		return err
	})
	return target, named("readlink", name, err)
}
