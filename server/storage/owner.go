package storage

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Chown implements [FS].
func (l *Local) Chown(name string, uid, gid int) error {
	return named("chown", name, l.with(name, true, func(fd int) error {
		id, _, err := identify(fd)
		if err != nil {
			return err
		}
		if top, _, err := identify(l.top.fd); err != nil || id == top {
			return errors.Join(fs.ErrPermission, err) // the top is not the user's to change
		}
		var s unix.Stat_t
		if err := unix.Fstat(fd, &s); err != nil {
			return err
		}
		// What the system allows nobody but root is allowed to nobody: the
		// server may run as root.
		if uid >= 0 && uid != int(s.Uid) || gid >= 0 && gid != int(s.Gid) && !ownGroup(gid) {
			return unix.EPERM
		}
		return unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH)
	}))
}

// ownGroup reports whether the process is in a group.
func ownGroup(gid int) bool {
	groups, err := os.Getgroups()
	return gid == os.Getegid() || err == nil && slices.Contains(groups, gid)
}

// Chown implements [FS].
func (a *atomic) Chown(name string, uid, gid int) error {
	return a.at("chown", name, true, func(tree FS, name string) error { return tree.Chown(name, uid, gid) })
}
