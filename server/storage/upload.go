package storage

import (
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
	watched
	*session
	name    string  // that it will have
	hidden  string  // that it has
	instead *former // goes when this one is complete
	own     *ID     // in a drop box, the only file that may be replaced; else nil
	gone    bool    // its session has removed it
	spare   bool    // hidden is no name that a later session would look for
	how     publishing
	appends bool // writes go to the end
	cuts    bool // the file ends where the last write did
}

// publishing is how an upload gets its name.
type publishing int

const (
	replacing publishing = iota
	exclusive            // it must not replace anything
	appending            // what has the name by then is appended to
)

// at is the name under which the file is now.
func (u *upload) at() string {
	u.session.mu.Lock()
	defer u.session.mu.Unlock()
	return u.hidden
}

// Target returns the real name that the file will have.
func (u *upload) Target() string {
	u.session.mu.Lock()
	defer u.session.mu.Unlock()
	return u.name
}

// mayReplace reports whether what has the name may go. In a drop box, what
// others have dropped meanwhile stays.
func (u *upload) mayReplace(name string) bool {
	if u.own == nil {
		return true
	}
	place, err := u.real.Resolve(name, false)
	return err == nil && place.Exists() && place.ID() == *u.own
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

// WriteAt writes to the end if the upload appends, wherever it is asked to.
func (u *upload) WriteAt(p []byte, at int64) (int, error) {
	if u.appends {
		return u.Write(p)
	}
	return u.watched.WriteAt(p, at)
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

// Close completes the upload: the file gets its name. If that is not possible,
// or if a write has failed before, the upload ends as with CloseWithError.
func (u *upload) Close() error {
	failed, err := u.result.close()
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
	failed, err := u.result.close()
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
	c := Completion{Name: name, Hidden: partial}
	info, err := u.File.Stat()
	if err == nil {
		c.Size = info.Size()
		err = descriptor(u.File, func(fd int) (err error) {
			c.ID, _, err = identify(fd)
			return err
		})
	}
	if err != nil {
		return err
	}
	return u.uploads.Give(c, func() error { return u.give(name, partial, instead) })
}

// give renames the hidden file.
func (u *upload) give(name, partial string, instead *former) error {
	rename := u.real.Rename
	if u.how != replacing || !u.mayReplace(name) {
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

// A watched file has the first failure of what changes it remembered: what is
// not written is missing for good, and no protocol can forget it.
type watched struct {
	File
	result *result
}

// A result is what has become of an upload so far.
type result struct {
	mu     sync.Mutex
	failed error // the first that did
	closed bool
}

func (r *result) remember(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = err
	}
}

// close returns the first failure, and an error of its own if the upload is
// closed already.
func (r *result) close() (failed, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, os.ErrClosed
	}
	r.closed = true
	return r.failed, nil
}

func (w watched) Write(p []byte) (int, error) {
	n, err := w.File.Write(p)
	if err != nil {
		w.result.remember(err)
	}
	return n, err
}

func (w watched) WriteAt(p []byte, at int64) (int, error) {
	n, err := w.File.WriteAt(p, at)
	if err != nil {
		w.result.remember(err)
	}
	return n, err
}

func (w watched) Truncate(size int64) error {
	err := w.File.Truncate(size)
	if err != nil {
		w.result.remember(err)
	}
	return err
}

func (w watched) Sync() error {
	err := w.File.Sync()
	if err != nil {
		w.result.remember(err)
	}
	return err
}
