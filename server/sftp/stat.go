package sftp

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
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

func (s *subsystem) fstat(r *request) error {
	h, _, err := s.handle(r)
	if err != nil {
		return err
	}
	if h.file == nil {
		info, err := s.session.Stat(s.ctx, h.path)
		return attrsReply(r, info, err)
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
	a := decodeAttributes(&r.args)
	if err := r.parsed(); err != nil {
		return err
	}
	return s.setAttributes(name, a, func(size int64) error { return s.truncate(name, size) })
}

// fsetstat is setstat for an open file. What clients set at the end of an upload
// comes this way.
func (s *subsystem) fsetstat(r *request) error {
	h, _, err := s.handle(r)
	if err != nil {
		return err
	}
	a := decodeAttributes(&r.args)
	if err := r.parsed(); err != nil {
		return err
	}
	return s.setAttributes(h.path, a, func(size int64) error {
		if !h.writes {
			return errNotWrite
		}
		return h.file.Truncate(size)
	})
}

// lsetstat serves lsetstat@openssh.com, which does not follow a symbolic link.
// Nothing of a link itself can be set here.
func (s *subsystem) lsetstat(r *request) error {
	name, err := s.name(r)
	if err != nil {
		return err
	}
	a := decodeAttributes(&r.args)
	if err := r.parsed(); err != nil {
		return err
	}
	info, err := s.session.Lstat(s.ctx, name)
	if err != nil {
		return err
	}
	if info.Mode().Type() == fs.ModeSymlink {
		return s.ignorable(errors.ErrUnsupported)
	}
	return s.setAttributes(name, a, func(size int64) error { return s.truncate(name, size) })
}

func (s *subsystem) truncate(name string, size int64) error {
	f, err := s.session.OpenFile(s.ctx, name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	return errors.Join(err, f.Close())
}

func (s *subsystem) setAttributes(name string, a attributes, truncate func(int64) error) error {
	if a.flags&attrSize != 0 {
		if a.size > 1<<63-1 {
			return &Error{StatusFailure, "File too large"}
		}
		if err := truncate(int64(a.size)); err != nil {
			return err
		}
	}
	if a.flags&attrOwner != 0 {
		if err := s.ignorable(errOwner); err != nil {
			return err
		}
	}
	if a.flags&attrPermissions != 0 && s.setStat != SetStatIgnore {
		if err := s.ignorable(s.session.Chmod(s.ctx, name, fromUnixMode(a.permissions))); err != nil {
			return err
		}
	}
	if a.flags&attrTimes != 0 {
		err := s.session.Chtimes(s.ctx, name, time.Unix(int64(a.atime), 0), time.Unix(int64(a.mtime), 0))
		return s.ignorable(err)
	}
	return nil
}

// ignorable returns err, unless it is one of those that are ignored when
// attributes are set.
func (s *subsystem) ignorable(err error) error {
	if s.setStat == SetStatStrict {
		return err
	}
	for _, refusal := range []error{errOwner, fs.ErrPermission, errors.ErrUnsupported, syscall.EROFS} {
		if errors.Is(err, refusal) {
			return nil
		}
	}
	return err
}
