package storage

import (
	"errors"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"
)

// Rename implements [FS].
func (l *Local) Rename(oldName, newName string) error {
	return l.rename(oldName, newName, func(from, to place) error {
		return unix.Renameat(from.dir, from.base, to.dir, to.base)
	})
}

// RenameNew implements [FS].
func (l *Local) RenameNew(oldName, newName string) error {
	return l.rename(oldName, newName, func(from, to place) error { return renameNew(unix.Renameat2, from, to) })
}

func (l *Local) rename(oldName, newName string, move func(from, to place) error) error {
	return named("rename", oldName, l.atBoth(oldName, newName, func(from, to place) error {
		if to.slash {
			if folder, err := from.isFolder(); err == nil && !folder {
				return unix.ENOTDIR
			}
		}
		return move(from, to)
	}))
}

// renameNew moves a file or folder to where nothing is. The kernel does that in
// one step, by way of renameat2, on the file systems of disks; NFS, CephFS and
// most in user space know no such step.
func renameNew(renameat2 func(int, string, int, string, uint) error, from, to place) error {
	err := renameat2(from.dir, from.base, to.dir, to.base, unix.RENAME_NOREPLACE)
	if !isOneOf(err, unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP) {
		return err
	}
	var stat unix.Stat_t
	if err := unix.Fstatat(from.dir, from.base, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		// A second name is never put in the place of a file.
		err := unix.Linkat(from.dir, from.base, to.dir, to.base, 0)
		if err == nil {
			return unix.Unlinkat(from.dir, from.base, 0)
		}
		if !isOneOf(err, unix.EPERM, unix.EMLINK, unix.EOPNOTSUPP, unix.ENOSYS) {
			return err
		}
	}
	// A folder has no second name, nor has anything on a volume without hard
	// links: here something can come between the two steps. The second still
	// replaces no folder that holds something.
	switch err := unix.Fstatat(to.dir, to.base, &stat, unix.AT_SYMLINK_NOFOLLOW); {
	case err == nil:
		return fs.ErrExist
	case !errors.Is(err, unix.ENOENT):
		return err
	}
	return unix.Renameat(from.dir, from.base, to.dir, to.base)
}

func isOneOf(err error, numbers ...unix.Errno) bool {
	return slices.ContainsFunc(numbers, func(n unix.Errno) bool { return errors.Is(err, n) })
}
