package storage

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Flags of [FS.OpenFile] beside those of package os. [Atomic] takes them out;
// without it they mean nothing.
const (
	// Upload says that the file is made or replaced as a whole, though nothing
	// is emptied before there is data: who opens it truncates it. Without
	// os.O_CREATE, the upload goes on where an earlier one was cut, or else
	// with the file that is there.
	Upload = 1 << 28
	// Hide hides the upload until it is complete, whatever Uploads.Hidden says.
	// With it, os.O_EXCL alone does not begin an upload anew that was cut.
	Hide = 1 << 29
)

// OpenFile implements [FS].
func (a *atomic) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	const writes = os.O_WRONLY | os.O_RDWR | os.O_CREATE | os.O_TRUNC | os.O_APPEND
	if err := refuse("open", flag&os.O_CREATE != 0, name); err != nil {
		return nil, err
	}
	o := opening{
		flag: flag &^ (Upload | Hide), perm: perm, upload: flag&Upload != 0, drop: flag&Hide != 0,
	}
	if u := a.writing(name, true); u != nil {
		f, err := u.openAgain(o)
		return f, withName(name, err)
	}
	if flag&writes == 0 || meansFolder(name) {
		return a.tree.OpenFile(name, o.flag, perm)
	}
	f, err := a.openUpload(name, o)
	if f == nil && err == nil {
		return a.tree.OpenFile(name, o.flag, perm)
	}
	return f, withName(name, err)
}

// openUpload opens a hidden file, if the file is to be hidden.
func (a *atomic) openUpload(name string, o opening) (File, error) {
	hide := o.drop || a.uploads.Hidden == nil || a.uploads.Hidden()
	if !hide && o.flag&os.O_CREATE != 0 && (o.upload || o.anew()) {
		return nil, nil // whatever is there
	}
	full, err := a.realName(name, o.flag&os.O_EXCL == 0)
	if err != nil {
		return nil, err
	}
	info, err := a.real.Lstat(full)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if info != nil && o.flag&os.O_EXCL != 0 {
		return nil, fs.ErrExist
	}
	where := o.where(info, hide)
	if where == inPlace {
		return nil, nil
	}
	create := o.flag&os.O_CREATE != 0
	if where == ifCut {
		o.flag &^= os.O_CREATE
	}
	u, err := a.openPartial(full, o, info)
	switch {
	case err == nil:
		return u, nil
	case where == ifCut && errors.Is(err, fs.ErrNotExist) && (info != nil || create):
		return nil, nil
	}
	return nil, err
}

// An opening is what OpenFile was asked for.
type opening struct {
	flag   int // of package os
	perm   fs.FileMode
	upload bool // Upload
	drop   bool // Hide
}

// whereTo is where a file is written.
type whereTo int

const (
	inPlace whereTo = iota
	hidden
	ifCut // hidden if an upload was cut, else in place
)

// where decides, given what is under the name, or nil.
func (o opening) where(info fs.FileInfo, hide bool) whereTo {
	create, truncate := o.flag&os.O_CREATE != 0, o.flag&os.O_TRUNC != 0
	switch {
	case info == nil && create && hide:
		return hidden
	case info == nil:
		return ifCut
	case !info.Mode().IsRegular():
		return inPlace // which may be to fail
	case o.upload && !create:
		return ifCut
	case hide && (truncate || o.upload):
		return hidden
	}
	return inPlace
}

// anew reports whether what an earlier upload has left is of no use.
func (o opening) anew() bool {
	return o.flag&os.O_TRUNC != 0 || o.flag&os.O_EXCL != 0 && !o.drop
}

// openPartial opens the hidden file of an upload to a real name, and locks it.
// info is what the upload replaces, or nil.
func (s *session) openPartial(name string, o opening, info fs.FileInfo) (*upload, error) {
	u := &upload{session: s, watched: watched{result: &result{}}, name: name, hidden: s.partial(name), appends: o.flag&os.O_APPEND != 0}
	if o.drop {
		u.own = new(ID)
	}
	if info != nil {
		id, err := s.mayWrite(name)
		if err != nil {
			return nil, err
		}
		if o.perm = info.Mode().Perm(); o.drop {
			*u.own = id
		}
	}
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
// replaces it needs the same permission. It returns which file that is.
func (s *session) mayWrite(name string) (id ID, err error) {
	f, err := s.real.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return ID{}, err
	}
	if osFile := OSFile(f); osFile != nil {
		id, err = IDOf(osFile)
	}
	return id, errors.Join(err, f.Close())
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
	return watched{f, u.result}, nil // what fails here is missing there
}
