package sftp

import (
	"cmp"
	"errors"
	"io/fs"
	"math"
	"os"
	"syscall"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/lsformat"
)

func (s *subsystem) stat(r *request) error {
	name, err := s.name(r)
	if err != nil {
		return err
	}
	info, err := s.session.Stat(s.ctx, name)
	return attrsReply(r, info, err)
}

func (s *subsystem) lstat(r *request) error {
	name, err := s.name(r)
	if err != nil {
		return err
	}
	info, err := s.session.Lstat(s.ctx, name)
	return attrsReply(r, info, err)
}

// fstat serves SSH_FXP_FSTAT. Folders have none here, as in OpenSSH's server: by
// the time, their name may be that of another.
func (s *subsystem) fstat(r *request) error {
	h, err := s.fileHandle(r)
	if err != nil {
		return err
	}
	info, err := h.file.Stat()
	return attrsReply(r, info, err)
}

func attrsReply(r *request, info fs.FileInfo, err error) error {
	if err != nil {
		return err
	}
	encodeAttributes(r.begin(fxpAttrs), info)
	return nil
}

// setstat serves SSH_FXP_SETSTAT (draft-ietf-secsh-filexfer-02 section 6.9).
func (s *subsystem) setstat(r *request) error {
	name, err := s.name(r)
	if err != nil {
		return err
	}
	return s.setAttributes(r, s.named(name))
}

// fsetstat is setstat for an open file. What clients set at the end of an upload
// comes this way.
func (s *subsystem) fsetstat(r *request) error {
	h, err := s.fileHandle(r)
	if err != nil {
		return err
	}
	return s.setAttributes(r, s.opened(h))
}

// lsetstat serves lsetstat@openssh.com, which does not follow a symbolic link.
func (s *subsystem) lsetstat(r *request) error {
	name, err := s.name(r)
	if err != nil {
		return err
	}
	info, err := s.session.Lstat(s.ctx, name)
	if err != nil {
		return err
	}
	if info.Mode().Type() == fs.ModeSymlink {
		return s.setAttributes(r, s.link(name, info))
	}
	return s.setAttributes(r, s.named(name))
}

// A subject is what attributes are set of.
type subject struct {
	truncate func(size int64) error
	chmod    func(mode fs.FileMode) error
	chtimes  func(accessed, modified time.Time) error
	chown    func(uid, gid int) error
	upload   bool // the client has it open for writing
}

// named is what a name leads to.
func (s *subsystem) named(name string) subject {
	return subject{
		truncate: func(size int64) error { return s.truncate(name, size) },
		chmod:    func(mode fs.FileMode) error { return s.session.Chmod(s.ctx, name, mode) },
		chtimes:  func(a, m time.Time) error { return s.session.Chtimes(s.ctx, name, a, m) },
		chown: func(uid, gid int) error {
			if o, ok := s.session.(Owners); ok {
				return o.Chown(s.ctx, name, uid, gid)
			}
			info, err := s.session.Stat(s.ctx, name)
			return errors.Join(err, sameOwner(info, uid, gid))
		},
	}
}

// An attributed file sets its own attributes.
type attributed interface {
	Chmod(mode fs.FileMode) error
	Chtimes(accessed, modified time.Time) error
}

// opened is an open file: that, and not whatever has its name now. Only of a backend whose
// files cannot set their attributes it is what the name leads to.
func (s *subsystem) opened(h *handle) subject {
	o := s.named(h.path)
	o.upload = h.writes
	o.truncate = func(size int64) error {
		if !h.writes {
			return errNotWrite
		}
		return h.file.Truncate(size)
	}
	if f, ok := h.file.(attributed); ok {
		o.chmod, o.chtimes = f.Chmod, f.Chtimes
	}
	o.chown = func(uid, gid int) error {
		info, err := h.file.Stat()
		return errors.Join(err, sameOwner(info, uid, gid))
	}
	return o
}

// link is a symbolic link itself, of which no size and no mode can be set.
func (s *subsystem) link(name string, info fs.FileInfo) subject {
	return subject{
		truncate: func(int64) error { return errBadMessage },
		chmod:    func(fs.FileMode) error { return errors.ErrUnsupported },
		chtimes: func(a, m time.Time) error {
			if l, ok := s.session.(LinkTimes); ok {
				return l.Lchtimes(s.ctx, name, a, m)
			}
			return errors.ErrUnsupported
		},
		chown: func(uid, gid int) error { return sameOwner(info, uid, gid) },
	}
}

// sameOwner refuses all owners but those that there are.
func sameOwner(info fs.FileInfo, uid, gid int) error {
	if info == nil {
		return nil // could not be described, which is an error of its own
	}
	own, ok := ownerOf(info)
	if ok && (uid == -1 || uid == int(own.uid)) && (gid == -1 || gid == int(own.gid)) {
		return nil
	}
	return errOwner
}

// errNotWhole closes a file that has another size now. If that is an upload that
// was cut, it is not complete for that.
var errNotWhole = errors.New("sftp: only the size was set")

func (s *subsystem) truncate(name string, size int64) error {
	f, err := s.session.OpenFile(s.ctx, name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	return errors.Join(err, closeFile(f, cmp.Or(err, errNotWhole)))
}

// setAttributes takes attributes from the arguments and sets them. It tries to
// set each, and returns the first error.
func (s *subsystem) setAttributes(r *request, o subject) error {
	a := decodeAttributes(&r.args)
	if err := r.parsed(); err != nil {
		return err
	}
	if a.flags&attrSize != 0 {
		if a.size > 1<<63-1 {
			return &Error{StatusFailure, "File too large"}
		}
		if err := o.truncate(int64(a.size)); err != nil {
			return err
		}
	}
	var first error
	done := func(err error) {
		if first == nil && !tolerates(o, err) {
			first = err
		}
	}
	if a.flags&attrPermissions != 0 {
		done(o.chmod(lsformat.FromUnixMode(a.permissions)))
	}
	if a.flags&attrTimes != 0 {
		done(o.chtimes(time.Unix(int64(a.atime), 0), time.Unix(int64(a.mtime), 0)))
	}
	if a.flags&attrOwner != 0 {
		// Of what is not to be changed, all bits are set, as for chown(2).
		done(o.chown(ownerID(a.uid), ownerID(a.gid)))
	}
	return first
}

func ownerID(id uint32) int {
	if id == math.MaxUint32 {
		return -1
	}
	return int(id)
}

// tolerates reports whether an error is none for whoever sets attributes. Of a file
// that the client has open for writing, owners, modes and times that the backend
// refuses or cannot set are ignored: an upload that wants them should not fail for it.
func tolerates(o subject, err error) bool {
	if !o.upload {
		return err == nil
	}
	for _, refusal := range []error{nil, errOwner, fs.ErrPermission, errors.ErrUnsupported, syscall.EROFS} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}
