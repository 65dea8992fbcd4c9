package storage

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Chmod implements [FS].
func (l *Local) Chmod(name string, mode fs.FileMode) error {
	return named("chmod", name, l.with(name, true, func(fd int) error {
		id, kind, err := identify(fd)
		if err != nil {
			return err
		}
		if top, _, err := identify(l.top.fd); err != nil || id == top {
			return errors.Join(fs.ErrPermission, err) // the top is not the user's to change
		}
		if kind == unix.S_IFDIR {
			mode |= ownersFolder
		}
		return unix.Chmod(procPath(fd), bits(mode))
	}))
}

// Chtimes implements [FS].
func (l *Local) Chtimes(name string, accessed, modified time.Time) error {
	return named("chtimes", name, l.with(name, true, func(fd int) error { return setTimes(fd, accessed, modified) }))
}

// Lchtimes implements [FS].
func (l *Local) Lchtimes(name string, accessed, modified time.Time) error {
	return named("lchtimes", name, l.with(name, meansFolder(name), func(fd int) error {
		return setTimes(fd, accessed, modified)
	}))
}

// SetTimes sets the times of an open file, as Chtimes of [FS] does.
func SetTimes(f *os.File, accessed, modified time.Time) error {
	return control(f, func(fd int) error { return setTimes(fd, accessed, modified) })
}

func setTimes(fd int, accessed, modified time.Time) error {
	times := []unix.Timespec{timespec(accessed), timespec(modified)}
	err := unix.UtimesNanoAt(fd, "", times, unix.AT_EMPTY_PATH)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) { // before Linux 5.8
		err = unix.UtimesNanoAt(unix.AT_FDCWD, procPath(fd), times, 0)
	}
	return err
}

func timespec(t time.Time) unix.Timespec {
	if t.IsZero() {
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	return unix.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())}
}

// Space implements [FS].
func (l *Local) Space(name string) (space Space, err error) {
	err = l.with(name, true, func(fd int) error {
		space, err = spaceOf(fd)
		return err
	})
	return space, named("statfs", name, err)
}

// SpaceOf tells how full the volume is on which an open file is.
func SpaceOf(f *os.File) (space Space, err error) {
	err = control(f, func(fd int) error {
		space, err = spaceOf(fd)
		return err
	})
	return space, err
}

func spaceOf(fd int) (Space, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(fd, &s); err != nil {
		return Space{}, err
	}
	return Space{
		BlockSize: uint64(s.Frsize), Blocks: s.Blocks, Free: s.Bfree, Available: s.Bavail,
		Files: s.Files, FilesFree: s.Ffree, NameMax: uint64(s.Namelen),
		ReadOnly:   s.Flags&unix.ST_RDONLY != 0,
		FileSystem: uint64(uint32(s.Fsid.Val[0])) | uint64(uint32(s.Fsid.Val[1]))<<32,
	}, nil
}

// procPath is a path of what is open, for calls that take no descriptor.
func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }
