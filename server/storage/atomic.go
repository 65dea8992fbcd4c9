package storage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// partialPrefix begins the names of uploads that are not complete.
const partialPrefix = ".upload."

// maxName is how long a file's name may be on every file system that matters.
const maxName = 255

// Atomic returns tree with uploads that are hidden until they are complete: a
// file that is opened to be made, or to be written from its beginning, is
// written under another name, and gets its own when it is closed. Whoever looks
// at the volume finds whole files only.
//
// A file of it has a method CloseWithError, which is called in place of Close
// when the upload was cut. What has come then stays hidden, and goes on when
// the file is opened again without O_TRUNC. For that, the name has the size
// and the times of the hidden file as long as there is no other. Listings have
// neither. What changes a file that exists is written in place.
//
// It is for one session. Two uploads to one name at once, by whomever, are
// refused with EBUSY.
func Atomic(tree FS) FS { return &atomic{FS: tree, mu: new(sync.Mutex), open: map[string]string{}} }

type atomic struct {
	FS
	mu   *sync.Mutex
	open map[string]string // hidden files being written, by the name they will have
}

// NoLinks implements [FS]. It is the same tree, with the same uploads.
func (a *atomic) NoLinks() FS { return &atomic{FS: a.FS.NoLinks(), mu: a.mu, open: a.open} }

// partialName is where the upload to name is hidden. It is always the same, so
// that a later session finds it again.
func partialName(name string) string {
	dir, base := path.Split(path.Clean("/" + name))
	if len(partialPrefix)+len(base) > maxName {
		sum := sha256.Sum256([]byte(base))
		base = hex.EncodeToString(sum[:])
	}
	return dir + partialPrefix + base
}

// OpenFile implements [FS].
func (a *atomic) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if flag&os.O_CREATE == 0 {
		return a.FS.OpenFile(name, flag, perm)
	}
	info, err := a.FS.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case flag&os.O_EXCL != 0 || flag&os.O_TRUNC == 0 || !info.Mode().IsRegular():
		return a.FS.OpenFile(name, flag, perm) // which may be to fail
	default:
		perm = info.Mode().Perm()
	}
	f, err := a.openPartial(name, flag, perm)
	if err != nil {
		return nil, err
	}
	if info != nil {
		// The mode is that of what is replaced, whatever the umask is.
		if err := a.FS.Chmod(f.partial, perm); err != nil && !errors.Is(err, fs.ErrPermission) {
			return nil, errors.Join(err, f.CloseWithError(err))
		}
	}
	a.mu.Lock()
	a.open[f.name] = f.partial
	a.mu.Unlock()
	return f, nil
}

// openPartial opens the hidden file of an upload to name, and locks it.
func (a *atomic) openPartial(name string, flag int, perm fs.FileMode) (*upload, error) {
	u := &upload{tree: a, name: path.Clean("/" + name), partial: partialName(name), exclusive: flag&os.O_EXCL != 0}
	for {
		// Not to be emptied before it is locked.
		f, err := a.FS.OpenFile(u.partial, flag&^(os.O_EXCL|os.O_TRUNC), perm)
		if err != nil {
			return nil, named("open", name, withoutPath(err))
		}
		u.File = f
		if err := lock(f); err != nil {
			return nil, named("open", name, errors.Join(err, f.Close()))
		}
		if current, err := a.isAt(f, u.partial); err != nil {
			return nil, errors.Join(err, f.Close())
		} else if !current {
			f.Close() // the upload that had it was completed meanwhile
			continue
		}
		if flag&os.O_TRUNC != 0 {
			if err := f.Truncate(0); err != nil {
				return nil, named("open", name, errors.Join(withoutPath(err), f.Close()))
			}
		}
		return u, nil
	}
}

// isAt reports whether name is the open file.
func (a *atomic) isAt(f File, name string) (bool, error) {
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	info, err := a.FS.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, info), err
}

// lock makes the file this upload's, among all processes that use the volume. A
// volume without locks has none.
func lock(f File) error {
	file, ok := f.(interface{ Fd() uintptr })
	if !ok {
		return nil
	}
	err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return syscall.EBUSY
	case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP):
		return nil
	}
	return err
}

// An upload is a file that is hidden until it is closed.
type upload struct {
	File
	tree      *atomic
	name      string // that it will have
	partial   string // that it has
	exclusive bool   // it must not replace anything
}

// OSFile returns the file itself, for the kernel to move bytes to it.
func (u *upload) OSFile() *os.File {
	f, _ := u.File.(*os.File)
	return f
}

// Close completes the upload: the file gets its name.
func (u *upload) Close() error {
	rename := u.tree.FS.Rename
	if u.exclusive {
		rename = u.tree.FS.RenameNew
	}
	err := rename(u.partial, u.name)
	if err != nil {
		err = named("close", u.name, withoutPath(err))
	}
	return errors.Join(err, u.end()) // the lock is held until then
}

// CloseWithError ends the upload before it is complete. What has come of it
// stays, to be continued.
func (u *upload) CloseWithError(cause error) error {
	if cause == nil {
		return u.Close()
	}
	if info, err := u.File.Stat(); err == nil && info.Size() == 0 {
		_ = u.tree.FS.Remove(u.partial) // nothing to continue
	}
	return u.end()
}

func (u *upload) end() error {
	u.tree.mu.Lock()
	delete(u.tree.open, u.name)
	u.tree.mu.Unlock()
	return u.File.Close()
}

// at calls f with the name under which the file is: hidden, while this session
// writes it, or where there is nothing else.
func (a *atomic) at(name string, f func(string) error) error {
	a.mu.Lock()
	partial, writing := a.open[path.Clean("/"+name)]
	a.mu.Unlock()
	if writing {
		return withName(name, f(partial))
	}
	err := f(name)
	if errors.Is(err, fs.ErrNotExist) && f(partialName(name)) == nil {
		return nil
	}
	return err
}

// withName names an error after the name that the caller knows.
func withName(name string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return named(e.Op, name, e.Err)
	}
	return err
}

// renamed is the description of a hidden file under the name it will have.
type renamed struct {
	fs.FileInfo
	name string
}

func (r renamed) Name() string { return r.name }

// describe is for Stat and Lstat.
func (a *atomic) describe(name string, stat func(string) (fs.FileInfo, error)) (fs.FileInfo, error) {
	info, err := stat(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return info, err
	}
	if hidden, err := stat(partialName(name)); err == nil {
		return renamed{hidden, path.Base(path.Clean("/" + name))}, nil
	}
	return nil, err
}

// Stat implements [FS].
func (a *atomic) Stat(name string) (fs.FileInfo, error) { return a.describe(name, a.FS.Stat) }

// Lstat implements [FS].
func (a *atomic) Lstat(name string) (fs.FileInfo, error) { return a.describe(name, a.FS.Lstat) }

// List implements [FS].
func (a *atomic) List(name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for info, err := range a.FS.List(name) {
			if err == nil && strings.HasPrefix(info.Name(), partialPrefix) {
				continue
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// Chmod implements [FS].
func (a *atomic) Chmod(name string, mode fs.FileMode) error {
	return a.at(name, func(name string) error { return a.FS.Chmod(name, mode) })
}

// Chtimes implements [FS].
func (a *atomic) Chtimes(name string, accessed, modified time.Time) error {
	return a.at(name, func(name string) error { return a.FS.Chtimes(name, accessed, modified) })
}

// Remove implements [FS]. Where there is nothing else, it gives up the upload
// that was cut.
func (a *atomic) Remove(name string) error {
	err := a.FS.Remove(name)
	if errors.Is(err, fs.ErrNotExist) && a.FS.Remove(partialName(name)) == nil {
		return nil
	}
	return err
}

// RemoveDir implements [FS]. A folder with nothing but uploads that were cut is
// empty for whoever lists it, and so it is removed with them.
func (a *atomic) RemoveDir(name string) error {
	err := a.FS.RemoveDir(name)
	if !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, fs.ErrExist) {
		return err
	}
	var hidden []string
	for info, listErr := range a.FS.List(name) {
		if listErr != nil || !strings.HasPrefix(info.Name(), partialPrefix) {
			return err
		}
		hidden = append(hidden, path.Join("/", name, info.Name()))
	}
	for _, partial := range hidden {
		if a.inUse(partial) {
			return named("rmdir", name, syscall.EBUSY)
		}
		if err := a.FS.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return named("rmdir", name, withoutPath(err))
		}
	}
	return a.FS.RemoveDir(name)
}

// inUse reports whether somebody writes to the hidden file now.
func (a *atomic) inUse(partial string) bool {
	f, err := a.FS.OpenFile(partial, os.O_WRONLY, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return lock(f) != nil
}
