package sftp

import (
	"path"
	"strings"
)

func (s *subsystem) remove(r *request) error {
	name, err := s.name(r)
	if err != nil {
		return err
	}
	if err := r.parsed(); err != nil {
		return err
	}
	return s.session.Remove(s.ctx, name)
}

// twoNames takes two names from the arguments, and calls f with them.
func (s *subsystem) twoNames(r *request, f func(a, b string) error) error {
	a, errA := s.name(r)
	b, errB := s.name(r)
	switch {
	case r.args.failed:
		return errBadMessage
	case errA != nil:
		return errA
	case errB != nil:
		return errB
	}
	return f(a, b)
}

// rename serves SSH_FXP_RENAME, which replaces nothing
// (draft-ietf-secsh-filexfer-02 section 6.5).
func (s *subsystem) rename(r *request) error {
	return s.twoNames(r, func(from, to string) error { return s.session.RenameNew(s.ctx, from, to) })
}

// posixRename serves posix-rename@openssh.com, which replaces a file.
func (s *subsystem) posixRename(r *request) error {
	return s.twoNames(r, func(from, to string) error { return s.session.Rename(s.ctx, from, to) })
}

// hardlink serves hardlink@openssh.com.
func (s *subsystem) hardlink(r *request) error {
	return s.twoNames(r, func(from, to string) error { return s.session.Link(s.ctx, from, to) })
}

// symlink serves SSH_FXP_SYMLINK, whose arguments have the order that OpenSSH
// and hence all clients use: the target, then the link, and not that of the
// draft (PROTOCOL of OpenSSH, section 4.1).
func (s *subsystem) symlink(r *request) error {
	target := r.args.string()
	name, err := s.name(r)
	switch {
	case r.args.failed:
		return errBadMessage
	case err != nil:
		return err
	case target == "" || strings.IndexByte(target, 0) >= 0:
		return errName
	}
	return s.session.Symlink(s.ctx, target, name)
}

func (s *subsystem) readlink(r *request) error {
	name, err := s.name(r)
	if err != nil {
		return err
	}
	target, err := s.session.Readlink(s.ctx, name)
	if err != nil {
		return err
	}
	nameReply(r, target)
	return nil
}

// realpath serves SSH_FXP_REALPATH. Links are not resolved: what they lead to
// is for the file system to say when the name is used.
func (s *subsystem) realpath(r *request) error {
	name, err := s.name(r)
	if err != nil {
		return err
	}
	nameReply(r, name)
	return nil
}

// nameReply is a reply with one name and without attributes.
func nameReply(r *request, name string) {
	out := r.begin(fxpName)
	out.uint32(1)
	out.string(name)
	out.string(name)
	out.uint32(0)
}

// expandPath serves expand-path@openssh.com: names that may begin with "~".
func (s *subsystem) expandPath(r *request) error {
	name := r.args.string()
	if first, rest, _ := strings.Cut(name, "/"); strings.HasPrefix(first, "~") {
		if user := first[1:]; user != "" && user != s.conn.User() {
			return errNoSuchUser
		}
		name = path.Join(s.home, rest)
	}
	name, err := absolute(s.home, name)
	if err != nil {
		return err
	}
	nameReply(r, name)
	return nil
}

// homeDirectory serves home-directory (draft-ietf-secsh-filexfer-extensions-00
// section 5). Of other users nothing is told.
func (s *subsystem) homeDirectory(r *request) error {
	if user := r.args.string(); user != "" && user != s.conn.User() {
		return errNoSuchUser
	}
	nameReply(r, s.home)
	return nil
}

var errNoSuchUser = &Error{StatusFailure, "No such user"}
