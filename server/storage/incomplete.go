package storage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"regexp"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// partialPrefix begins the names of uploads that are not complete. What follows
// is a tag of the user, a dot, and the name that the file will have.
const partialPrefix = ".upload."

// maxName is how long a file's name may be on every file system that matters.
const maxName = 255

// partialName is where a user's upload to a real name is hidden. It is always the
// same, so that a later session finds it again, whatever its protocol and pod.
func partialName(user, name string) string { return hiddenName(userTag(user), name) }

func userTag(user string) string {
	sum := sha256.Sum256([]byte(user))
	return hex.EncodeToString(sum[:5])
}

func hiddenName(tag, name string) string {
	dir, base := path.Split(name)
	prefix := partialPrefix + tag + "."
	if len(prefix)+len(base) > maxName {
		sum := sha256.Sum256([]byte(base))
		base = hex.EncodeToString(sum[:])
	}
	return dir + prefix + base
}

// madeHere is what the server itself calls uploads that are not complete, now or in
// former releases. Other names that are reserved may be anybody's files, from before.
var madeHere = regexp.MustCompile(`^(\.upload\.[0-9a-f]{10}(-[0-9a-f]{8})?|\.ftp-upload)\.`)

// refuse returns an error if a part of name is one of a hidden file: to the
// caller there is no such file, and none can be made.
func refuse(op string, makes bool, name string) error {
	switch {
	case !Reserved(name):
		return nil
	case makes:
		return named(op, name, fs.ErrPermission)
	}
	return named(op, name, fs.ErrNotExist)
}

// descriptor calls f with the descriptor of a file, if it has one.
func descriptor(f File, call func(fd int) error) error {
	conn, ok := f.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) { err = call(int(fd)) })
	return errors.Join(cerr, err)
}

// lock makes the file the caller's alone, among all processes that use the
// volume, until it is closed. On a volume without locks everybody succeeds.
func lock(f File) error {
	return descriptor(f, func(fd int) error {
		switch err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); {
		case errors.Is(err, unix.EWOULDBLOCK):
			return syscall.EBUSY
		case isOneOf(err, unix.ENOLCK, unix.ENOSYS, unix.EOPNOTSUPP):
			return nil
		default:
			return err
		}
	})
}

// flush learns what a volume may say of earlier writes only when a file is
// closed, such as NFS that it is full. The file stays open, and locked.
func flush(f File) error {
	return descriptor(f, func(fd int) error {
		second, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return unix.Close(second)
	})
}

// isAt reports whether name is the open file.
func isAt(tree FS, f File, name string) (bool, error) {
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	info, err := tree.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, info), err
}

// discard removes a hidden file that nobody writes, and that has not changed
// for so long. One that somebody writes is EBUSY.
func discard(tree FS, partial string, keep time.Duration) error {
	f, err := tree.OpenFile(partial, os.O_WRONLY, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return tree.Remove(partial) // of another owner, perhaps, or no file at all
	}
	defer f.Close()
	if err := lock(f); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if current, err := isAt(tree, f, partial); err != nil || !current {
		return errors.Join(err, fs.ErrNotExist) // completed, or begun anew, meanwhile
	}
	if keep > 0 && time.Since(changed(info)) < keep {
		return syscall.EBUSY
	}
	return tree.Remove(partial)
}

// changed is when a file last changed. Its user can set the time of
// modification, and does so before an upload is complete, but not this one.
func changed(info fs.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctim.Unix())
	}
	return info.ModTime()
}

// expire removes a hidden file if it has not changed for longer than keep, which
// is for ever if it is zero.
func expire(tree FS, partial string, info fs.FileInfo, keep time.Duration) {
	if keep > 0 && info.Mode().IsRegular() && madeHere.MatchString(info.Name()) && time.Since(changed(info)) >= keep {
		_ = discard(tree, partial, keep) // whoever looks next tries again
	}
}

// Sweep removes all uploads of a tree, of whatever user, that were cut longer
// than keep ago. It rests for pause after each folder, so as not to keep a volume
// busy, and ends when ctx does.
func Sweep(ctx context.Context, tree FS, keep, pause time.Duration) {
	const maxDepth = 64
	var sweep func(dir string, depth int)
	sweep = func(dir string, depth int) {
		var folders []string
		for info, err := range tree.List(dir) {
			switch {
			case err != nil || ctx.Err() != nil:
				return
			case info.IsDir():
				folders = append(folders, info.Name())
			case Reserved(info.Name()):
				expire(tree, path.Join(dir, info.Name()), info, keep)
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		for _, folder := range folders {
			if depth < maxDepth {
				sweep(path.Join(dir, folder), depth+1)
			}
		}
	}
	sweep("/", 0)
}
