package storage

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"
	"time"
)

// An upload is a file that is hidden until it is closed. Names are guarded by
// the mutex of its session.
type upload struct {
	File
	*session
	name    string  // that it will have
	hidden  string  // that it has
	instead *former // goes when this one is complete
	gone    bool    // its session has removed it
	spare   bool    // partial is no name that a later session would look for
	how     publishing
	appends bool // writes go to the end
	cuts    bool // the file ends where the last write did

	result struct {
		sync.Mutex
		failed error // of the first write that did
		closed bool
	}
}

// former is a file that had the name of an upload before that was renamed.
type former struct {
	name string
	info fs.FileInfo
}

// publishing is how an upload gets its name.
type publishing int

const (
	replacing publishing = iota
	exclusive            // it must not replace anything
	appending            // what has the name by then is appended to
)

// openPartial opens the hidden file of an upload to a real name, and locks it.
// info is what the upload replaces, or nil.
func (s *session) openPartial(name string, o opening, info fs.FileInfo) (*upload, error) {
	if info != nil {
		if err := s.mayWrite(name); err != nil {
			return nil, err
		}
		o.perm = info.Mode().Perm()
	}
	u := &upload{session: s, name: name, hidden: s.partial(name), appends: o.flag&os.O_APPEND != 0}
	if o.flag&os.O_EXCL != 0 {
		u.how = exclusive
	}
	err := u.openLocked(o)
	if errors.Is(err, syscall.EBUSY) && u.appends {
		// Another session of this user appends to a file that is not there yet.
		u.hidden, u.spare = spareName(s.uploads.User, name), true
		err = u.openLocked(o)
	}
	if err != nil {
		return nil, err
	}
	if err := u.prepare(o, info); err != nil {
		return nil, errors.Join(err, u.File.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[name] = u
	return u, nil
}

// spareName is where an upload is hidden when the usual place is taken. It
// cannot be continued.
func spareName(user, name string) string {
	var random [4]byte
	rand.Read(random[:])
	return hiddenName(userTag(user)+"-"+hex.EncodeToString(random[:]), name)
}

// mayWrite returns an error if the file could not be written in place: who
// replaces it needs the same permission.
func (s *session) mayWrite(name string) error {
	f, err := s.real.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// openLocked opens the hidden file and locks it.
func (u *upload) openLocked(o opening) error {
	const later = os.O_EXCL | os.O_TRUNC | os.O_APPEND // nothing is emptied before it is locked
	for {
		f, err := u.real.OpenFile(u.hidden, o.flag&^later, o.perm)
		if err != nil {
			return err
		}
		if err := u.lock(f); err != nil {
			return errors.Join(err, f.Close())
		}
		current, err := isAt(u.real, f, u.hidden)
		if err != nil {
			return errors.Join(err, f.Close())
		}
		if current {
			u.File = f
			return nil
		}
		f.Close() // the upload that had it was completed meanwhile
	}
}

// goneTime is how long a server may need to notice that a client is gone, which
// then comes again and repeats its upload.
const goneTime = time.Second

// lock makes the file this upload's alone.
func (u *upload) lock(f File) error {
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := lock(f)
		if !errors.Is(err, syscall.EBUSY) || u.appends || time.Since(start) > goneTime {
			return err
		}
	}
}

// prepare makes the open file what the client expects it to be.
func (u *upload) prepare(o opening, info fs.FileInfo) error {
	if o.anew() {
		if err := u.File.Truncate(0); err != nil {
			return err
		}
	}
	u.cuts = o.upload && o.flag&os.O_CREATE == 0
	if u.appends {
		size, err := u.File.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		if size == 0 && u.how == replacing {
			u.how = appending
		}
	}
	if info == nil {
		return nil
	}
	// The mode is that of what is replaced, whatever the umask is.
	if err := u.real.Chmod(u.hidden, o.perm); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// openAgain opens a file that this session is writing.
func (u *upload) openAgain(o opening) (File, error) {
	switch {
	case o.flag&os.O_EXCL != 0:
		return nil, fs.ErrExist
	case o.flag&os.O_TRUNC != 0 || o.upload:
		return nil, syscall.EBUSY
	}
	f, err := u.real.OpenFile(u.at(), o.flag&^os.O_CREATE, 0)
	if err != nil {
		return nil, err
	}
	return &secondHandle{File: f, of: u}, nil
}

// at is the name under which the file is now.
func (u *upload) at() string {
	u.session.mu.Lock()
	defer u.session.mu.Unlock()
	return u.hidden
}

// OSFile returns the file itself, for the kernel to move bytes to it, or nil.
func (u *upload) OSFile() *os.File {
	f, _ := u.File.(*os.File)
	return f
}

// Chmod sets the mode of the open file.
func (u *upload) Chmod(mode fs.FileMode) error { return chmodOpen(u.File, mode) }

// Chtimes sets the times of the open file.
func (u *upload) Chtimes(accessed, modified time.Time) error {
	return chtimesOpen(u.File, accessed, modified)
}

// remember keeps the first error: what is not written is missing for good.
func (u *upload) remember(err error) {
	if err == nil {
		return
	}
	u.result.Lock()
	defer u.result.Unlock()
	if u.result.failed == nil {
		u.result.failed = err
	}
}

func (u *upload) Write(p []byte) (int, error) {
	n, err := u.File.Write(p)
	u.remember(err)
	return n, err
}

func (u *upload) WriteAt(p []byte, at int64) (int, error) {
	if u.appends {
		return u.Write(p)
	}
	n, err := u.File.WriteAt(p, at)
	u.remember(err)
	return n, err
}

func (u *upload) Truncate(size int64) error {
	err := u.File.Truncate(size)
	u.remember(err)
	return err
}

func (u *upload) Sync() error {
	err := u.File.Sync()
	u.remember(err)
	return err
}

// Stat describes the file under the name that it will have.
func (u *upload) Stat() (fs.FileInfo, error) {
	info, err := u.File.Stat()
	if err != nil {
		return nil, err
	}
	u.session.mu.Lock()
	defer u.session.mu.Unlock()
	return incomplete{info, path.Base(u.name)}, nil
}

// once returns the first failure, and an error of its own if the file is closed
// already.
func (u *upload) once() (failed, err error) {
	u.result.Lock()
	defer u.result.Unlock()
	if u.result.closed {
		return nil, os.ErrClosed
	}
	u.result.closed = true
	return u.result.failed, nil
}

// Close completes the upload: the file gets its name. If that is not possible,
// or if a write has failed before, the upload ends as with CloseWithError.
func (u *upload) Close() error {
	failed, err := u.once()
	if err != nil {
		return err
	}
	if failed == nil {
		failed = named("close", u.name, u.publish())
	}
	return errors.Join(failed, u.end(failed))
}

// CloseWithError ends the upload before it is complete. What has come of it
// stays, to be continued, unless a write has failed: then the client cannot
// know what that is, and on a full volume it would be in its own way.
func (u *upload) CloseWithError(cause error) error {
	if cause == nil {
		return u.Close()
	}
	failed, err := u.once()
	if err != nil {
		return err
	}
	if failed == nil && !isOneOf(cause, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EIO) && !u.spare {
		if info, err := u.File.Stat(); err == nil && info.Size() > 0 {
			return u.end(nil)
		}
	}
	return u.end(cause)
}

// publish gives the file its name. The lock is held until the file is closed.
func (u *upload) publish() error {
	u.session.mu.Lock()
	name, partial, instead, gone := u.name, u.hidden, u.instead, u.gone
	u.session.mu.Unlock()
	if gone {
		return nil
	}
	if u.cuts {
		end, err := u.File.Seek(0, io.SeekCurrent)
		if err == nil {
			err = u.File.Truncate(end)
		}
		if err != nil {
			return err
		}
	}
	if err := flush(u.File); err != nil {
		return err
	}
	// Somebody may have moved the folder.
	if own, err := isAt(u.real, u.File, partial); err != nil || !own {
		return errors.Join(err, fs.ErrNotExist)
	}
	rename := u.real.Rename
	if u.how != replacing {
		rename = u.real.RenameNew
	}
	err := rename(partial, name)
	if u.how == appending && errors.Is(err, fs.ErrExist) {
		err = appendTo(u.real, name, partial)
	}
	if err == nil && instead != nil {
		if info, err := u.real.Lstat(instead.name); err == nil && os.SameFile(info, instead.info) {
			_ = u.real.Remove(instead.name)
		}
	}
	return err
}

// end closes the file. With an error, the hidden one is removed.
func (u *upload) end(failed error) error {
	u.session.mu.Lock()
	if u.session.open[u.name] == u {
		delete(u.session.open, u.name)
	}
	partial, gone := u.hidden, u.gone
	u.session.mu.Unlock()
	if failed != nil && !gone {
		if own, err := isAt(u.real, u.File, partial); err == nil && own {
			_ = u.real.Remove(partial)
		}
	}
	return u.File.Close()
}

// abandon removes the file while its session goes on writing it.
func (u *upload) abandon() {
	u.session.mu.Lock()
	u.gone = true
	delete(u.session.open, u.name)
	partial := u.hidden
	u.session.mu.Unlock()
	_ = u.real.Remove(partial) // it is locked: nobody else has it
}

// rename gives the file another name to have when it is complete. Until then,
// what has the old name stays.
func (u *upload) rename(name string, replace bool) error {
	to := u.session.partial(name)
	if name == u.name {
		return nil
	}
	switch info, err := u.real.Lstat(name); {
	case err == nil && !replace, u.writingTo(name) != nil:
		return fs.ErrExist
	case err == nil && info.IsDir():
		return syscall.EISDIR
	}
	if err := discard(u.real, to, 0); errors.Is(err, syscall.EBUSY) {
		return err
	}
	if err := u.real.Rename(u.at(), to); err != nil {
		return err
	}
	before, err := u.real.Lstat(u.name)
	u.session.mu.Lock()
	defer u.session.mu.Unlock()
	if err == nil && u.instead == nil {
		u.instead = &former{u.name, before}
	}
	if u.how = replacing; !replace {
		u.how = exclusive
	}
	delete(u.session.open, u.name)
	u.name, u.hidden, u.spare = name, to, false
	u.session.open[name] = u
	return nil
}

// A secondHandle is another opening of a file that is being uploaded. What fails
// here is missing there.
type secondHandle struct {
	File
	of *upload
}

func (h *secondHandle) Write(p []byte) (int, error) {
	n, err := h.File.Write(p)
	h.of.remember(err)
	return n, err
}

func (h *secondHandle) WriteAt(p []byte, at int64) (int, error) {
	n, err := h.File.WriteAt(p, at)
	h.of.remember(err)
	return n, err
}

func (h *secondHandle) Truncate(size int64) error {
	err := h.File.Truncate(size)
	h.of.remember(err)
	return err
}

func (h *secondHandle) Sync() error {
	err := h.File.Sync()
	h.of.remember(err)
	return err
}
