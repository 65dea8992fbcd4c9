package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
)

// session is one login.
type session struct {
	backend *Backend
	user    *User
	root    *os.Root
	done    chan struct{}
}

var (
	_ sftp.Session           = (*session)(nil)
	_ sftp.SpaceReporter     = (*session)(nil)
	_ sftp.FileSpaceReporter = (*session)(nil)
	_ sftp.Owners            = (*session)(nil)
	_ sftp.LinkTimes         = (*session)(nil)
	_ sftp.Names             = (*session)(nil)
	_ sftp.LimitedSession    = (*session)(nil)
)

func (s *session) Done() <-chan struct{} { return s.done }

func (s *session) Close() error {
	s.backend.mu.Lock()
	defer s.backend.mu.Unlock()
	delete(s.backend.sessions, s)
	return nil
}

func (s *session) Limits(server sftp.Limits) sftp.Limits {
	if s.user.Limits == nil {
		return server
	}
	return s.user.Limits(server)
}

// rel turns a name into a path for os.Root.
func rel(name string) string {
	if r := strings.TrimPrefix(name, "/"); r != "" {
		return r
	}
	return "."
}

func (s *session) Stat(_ context.Context, name string) (fs.FileInfo, error) {
	return s.root.Stat(rel(name))
}

func (s *session) Lstat(_ context.Context, name string) (fs.FileInfo, error) {
	return s.root.Lstat(rel(name))
}

func (s *session) List(_ context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		d, err := s.root.Open(rel(name))
		if err != nil {
			yield(nil, err)
			return
		}
		defer d.Close()
		for {
			infos, err := d.Readdir(256)
			for _, info := range infos {
				if !yield(info, nil) {
					return
				}
			}
			if err != nil {
				if len(infos) == 0 && !strings.Contains(err.Error(), "EOF") {
					yield(nil, err)
				}
				return
			}
		}
	}
}

func (s *session) OpenFile(_ context.Context, name string, flag int, perm fs.FileMode) (sftp.File, error) {
	if flag&os.O_CREATE != 0 && strings.HasSuffix(name, "/") {
		return nil, syscall.EISDIR
	}
	f, err := s.root.OpenFile(rel(name), flag, perm.Perm())
	if err != nil {
		return nil, err // not f, which would be no nil interface
	}
	return file{f}, nil
}

// file sets its own times, as *os.File does its mode.
type file struct{ *os.File }

func (f file) Chtimes(accessed, modified time.Time) error {
	return os.Chtimes(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), accessed, modified)
}

func (s *session) Mkdir(_ context.Context, name string, perm fs.FileMode) error {
	return s.root.Mkdir(rel(name), perm.Perm())
}

func (s *session) Remove(_ context.Context, name string) error {
	if info, err := s.root.Lstat(rel(name)); err == nil && info.IsDir() {
		return syscall.EISDIR
	}
	return s.root.Remove(rel(name))
}

func (s *session) RemoveDir(_ context.Context, name string) error {
	if info, err := s.root.Lstat(rel(name)); err == nil && !info.IsDir() {
		return syscall.ENOTDIR
	}
	return s.root.Remove(rel(name))
}

func (s *session) Rename(_ context.Context, oldName, newName string) error {
	return s.root.Rename(rel(oldName), rel(newName))
}

func (s *session) RenameNew(_ context.Context, oldName, newName string) error {
	if _, err := s.root.Lstat(rel(newName)); !errors.Is(err, fs.ErrNotExist) {
		return fs.ErrExist
	}
	return s.root.Rename(rel(oldName), rel(newName))
}

func (s *session) Link(_ context.Context, oldName, newName string) error {
	return s.root.Link(rel(oldName), rel(newName))
}

func (s *session) Symlink(_ context.Context, target, name string) error {
	return s.root.Symlink(target, rel(name))
}

func (s *session) Readlink(_ context.Context, name string) (string, error) {
	return s.root.Readlink(rel(name))
}

// maxLinks is how many symbolic links a path may go through, as on Linux.
const maxLinks = 40

func (s *session) Realpath(_ context.Context, name string) (string, error) {
	done, rest, links := "/", strings.Split(name, "/"), 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			done = path.Dir(done)
			continue
		}
		next := path.Join(done, part)
		info, err := s.root.Lstat(rel(next))
		switch {
		case errors.Is(err, fs.ErrNotExist) && len(rest) == 0:
			return next, nil
		case err != nil:
			return "", err
		case info.Mode().Type() == fs.ModeSymlink:
			target, err := s.root.Readlink(rel(next))
			if links++; err == nil && links > maxLinks {
				err = syscall.ELOOP
			}
			if err != nil {
				return "", err
			}
			if path.IsAbs(target) {
				done = "/"
			}
			rest = append(strings.Split(target, "/"), rest...)
			continue
		case !info.IsDir() && len(rest) > 0:
			return "", syscall.ENOTDIR
		}
		done = next
	}
	return done, nil
}

func (s *session) Chmod(_ context.Context, name string, mode fs.FileMode) error {
	return s.root.Chmod(rel(name), mode)
}

func (s *session) Chtimes(_ context.Context, name string, accessed, modified time.Time) error {
	return s.root.Chtimes(rel(name), accessed, modified)
}

func (s *session) Lchtimes(_ context.Context, name string, accessed, modified time.Time) error {
	dir, err := s.root.Open(rel(path.Dir(name)))
	if err != nil {
		return err
	}
	defer dir.Close()
	times := []unix.Timespec{unix.NsecToTimespec(accessed.UnixNano()), unix.NsecToTimespec(modified.UnixNano())}
	return unix.UtimesNanoAt(int(dir.Fd()), path.Base(name), times, unix.AT_SYMLINK_NOFOLLOW)
}

func (s *session) Chown(_ context.Context, name string, uid, gid int) error {
	return s.root.Chown(rel(name), uid, gid)
}

func (s *session) Space(_ context.Context, name string) (sftp.Space, error) {
	f, err := s.root.Open(rel(name))
	if err != nil {
		return sftp.Space{}, err
	}
	defer f.Close()
	return spaceOf(f)
}

func (s *session) FileSpace(_ context.Context, f sftp.File) (sftp.Space, error) {
	return spaceOf(f.(file).File)
}

func spaceOf(f *os.File) (sftp.Space, error) {
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(f.Fd()), &st); err != nil {
		return sftp.Space{}, err
	}
	return sftp.Space{
		BlockSize: uint64(st.Bsize), Blocks: st.Blocks, Free: st.Bfree, Available: st.Bavail,
		Files: st.Files, FilesFree: st.Ffree, NameMax: uint64(st.Namelen),
	}, nil
}

func (s *session) UserName(uint32) string  { return "user" }
func (s *session) GroupName(uint32) string { return "group" }
