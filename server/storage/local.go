package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// homeMode is for folders of homes: the group, which the volume's fsGroup
// makes that of every pod, may write.
const homeMode = 0o770

// listBatch is how many entries of a folder are read at once.
const listBatch = 256

// Local is a folder on a disk.
type Local struct{ root *os.Root }

var _ FS = (*Local)(nil)

// OpenLocal opens home, a relative path below the folder root, and makes what
// is missing of it. Symbolic links in home may not lead out of root.
func OpenLocal(root, home string) (*Local, error) {
	top, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("opening the storage: %w", withoutPath(err))
	}
	defer top.Close()
	if err := top.MkdirAll(home, homeMode); err != nil {
		return nil, fmt.Errorf("making the home folder: %w", withoutPath(err))
	}
	dir, err := top.OpenRoot(home)
	if err != nil {
		return nil, fmt.Errorf("opening the home folder: %w", withoutPath(err))
	}
	return &Local{dir}, nil
}

// Close releases the folder.
func (l *Local) Close() error { return l.root.Close() }

// relative turns a name into a path for os.Root.
func relative(name string) (string, error) {
	if strings.ContainsAny(name, "\x00\r\n") {
		return "", ErrName
	}
	rel := strings.TrimPrefix(path.Clean("/"+name), "/")
	if rel == "" {
		return ".", nil
	}
	return rel, nil
}

// on calls f with the path of name, and names the error after it.
func on(op, name string, f func(rel string) error) error {
	rel, err := relative(name)
	if err == nil {
		err = f(rel)
	}
	return named(op, name, err)
}

// onBoth is on for two names. The error is named after the first, as that is
// the one that the caller wanted something done to.
func onBoth(op, a, b string, f func(a, b string) error) error {
	return on(op, a, func(relA string) error {
		relB, err := relative(b)
		if err != nil {
			return err
		}
		return f(relA, relB)
	})
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
func (l *Local) Stat(name string) (info fs.FileInfo, err error) {
	err = on("stat", name, func(rel string) (err error) {
		info, err = l.root.Stat(rel)
		return err
	})
	return info, err
}

// Lstat implements [FS].
func (l *Local) Lstat(name string) (info fs.FileInfo, err error) {
	err = on("lstat", name, func(rel string) (err error) {
		info, err = l.root.Lstat(rel)
		return err
	})
	return info, err
}

// List implements [FS].
func (l *Local) List(name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		var dir *os.File
		err := on("list", name, func(rel string) (err error) {
			// Without O_DIRECTORY a pipe would be waited for.
			dir, err = l.root.OpenFile(rel, os.O_RDONLY|unix.O_DIRECTORY, 0)
			return err
		})
		if err != nil {
			yield(nil, err)
			return
		}
		defer dir.Close()
		for {
			entries, err := dir.ReadDir(listBatch)
			for _, e := range entries {
				info, err := e.Info()
				if errors.Is(err, fs.ErrNotExist) {
					continue // gone since it was read
				}
				if err != nil {
					err = named("list", name, err)
				}
				if !yield(info, err) {
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					yield(nil, named("list", name, err))
				}
				return
			}
		}
	}
}

// OpenFile implements [FS].
func (l *Local) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	var f *os.File
	err := on("open", name, func(rel string) (err error) {
		// O_NONBLOCK: opening a pipe must not wait for its other end. It
		// changes nothing for regular files.
		f, err = l.root.OpenFile(rel, flag|unix.O_NONBLOCK, perm)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		switch {
		case err != nil:
		case info.IsDir():
			err = syscall.EISDIR
		case !info.Mode().IsRegular():
			err = fs.ErrPermission
		}
		if err != nil {
			f.Close()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Mkdir implements [FS].
func (l *Local) Mkdir(name string, perm fs.FileMode) error {
	return on("mkdir", name, func(rel string) error { return l.root.Mkdir(rel, perm) })
}

// Remove implements [FS].
func (l *Local) Remove(name string) error {
	return on("remove", name, func(rel string) error {
		return l.at(rel, func(dir int, base string) error { return unix.Unlinkat(dir, base, 0) })
	})
}

// RemoveDir implements [FS].
func (l *Local) RemoveDir(name string) error {
	return on("rmdir", name, func(rel string) error {
		return l.at(rel, func(dir int, base string) error { return unix.Unlinkat(dir, base, unix.AT_REMOVEDIR) })
	})
}

// Rename implements [FS].
func (l *Local) Rename(oldName, newName string) error {
	return onBoth("rename", oldName, newName, l.root.Rename)
}

// at calls f with the open folder of rel, which is inside the tree, and the
// last part of rel.
func (l *Local) at(rel string, f func(dir int, base string) error) error {
	if rel == "." {
		return fs.ErrPermission // the top itself is not the user's to change
	}
	dir, err := l.root.OpenFile(path.Dir(rel), os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	return f(int(dir.Fd()), path.Base(rel))
}

// Link implements [FS].
func (l *Local) Link(oldName, newName string) error {
	return onBoth("link", oldName, newName, l.root.Link)
}

// Symlink implements [FS].
func (l *Local) Symlink(target, name string) error {
	if strings.ContainsAny(target, "\x00\r\n") || target == "" {
		return named("symlink", name, ErrName)
	}
	return on("symlink", name, func(rel string) error {
		if path.IsAbs(target) {
			up := strings.Repeat("../", strings.Count(rel, "/"))
			target = path.Join(up, path.Clean(target)[1:])
			if target == "" {
				target = "."
			}
		}
		return l.root.Symlink(target, rel)
	})
}

// Readlink implements [FS].
func (l *Local) Readlink(name string) (target string, err error) {
	err = on("readlink", name, func(rel string) (err error) {
		target, err = l.root.Readlink(rel)
		return err
	})
	return target, err
}

// Chmod implements [FS].
func (l *Local) Chmod(name string, mode fs.FileMode) error {
	return on("chmod", name, func(rel string) error { return l.root.Chmod(rel, mode.Perm()) })
}

// Chtimes implements [FS].
func (l *Local) Chtimes(name string, accessed, modified time.Time) error {
	return on("chtimes", name, func(rel string) error { return l.root.Chtimes(rel, accessed, modified) })
}

// Space implements [FS].
func (l *Local) Space(name string) (space Space, err error) {
	err = on("statfs", name, func(rel string) error {
		f, err := l.root.OpenFile(rel, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		var s unix.Statfs_t
		if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
			return err
		}
		space = Space{
			BlockSize: uint64(s.Frsize), Blocks: s.Blocks, Free: s.Bfree, Available: s.Bavail,
			Files: s.Files, FilesFree: s.Ffree, NameMax: uint64(s.Namelen),
			ReadOnly:   s.Flags&unix.ST_RDONLY != 0,
			FileSystem: uint64(uint32(s.Fsid.Val[0])) | uint64(uint32(s.Fsid.Val[1]))<<32,
		}
		return nil
	})
	return space, err
}
