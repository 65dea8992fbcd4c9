package sftp

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// maxName is the longest name in bytes, as on Linux (PATH_MAX).
const maxName = 4096

// home is the directory in which a session starts, and where relative names begin.
const home = "/"

// absolute makes a name, which may start at home, absolute. It leaves to the
// backend what only the backend can know: what ".." leads to behind a link, and
// whether there is a directory before a slash at the end. What means nothing,
// such as a slash after another, is left out.
func absolute(name string) (string, error) {
	switch {
	case name == "":
		return "", fs.ErrNotExist // as all calls of the system have it
	case strings.IndexByte(name, 0) >= 0:
		return "", errName
	case len(name) > maxName:
		return "", syscall.ENAMETOOLONG
	}
	if !path.IsAbs(name) {
		name = child(home, name)
	}
	if path.Clean(name) == name {
		return name, nil // as most are
	}
	clean := make([]byte, 0, len(name)+1)
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." && len(clean) == 0 {
			continue
		}
		clean = append(append(clean, '/'), part...)
	}
	if last := name[strings.LastIndexByte(name, '/')+1:]; len(clean) == 0 || last == "" || last == "." {
		clean = append(clean, '/')
	}
	return string(clean), nil
}

// child is the name of something in a directory.
func child(dir, name string) string { return strings.TrimSuffix(dir, "/") + "/" + name }

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

// symlink serves SSH_FXP_SYMLINK. Its arguments are the link and the target
// (draft-ietf-secsh-filexfer-02 section 6.10), or the other way round for OpenSSH
// and whoever follows it (PROTOCOL of OpenSSH, section 4.1).
func (s *subsystem) symlink(r *request) error {
	target, link := r.args.string(), r.args.string()
	if linksByDraft(s.conn.ClientVersion()) {
		target, link = link, target
	}
	name, err := absolute(link)
	switch {
	case r.args.failed:
		return errBadMessage
	case err != nil:
		return err
	case target == "":
		return fs.ErrNotExist // as symlink(2)
	case strings.IndexByte(target, 0) >= 0:
		return errName
	}
	return s.session.Symlink(s.ctx, target, name)
}

// draftClients are those who send the arguments of SSH_FXP_SYMLINK in the order
// of the draft, by what their identification begins with. Those of the first
// line do so since they do not see "OpenSSH" in the server's; the others do so
// always, as the names of their own arguments have it. All other clients that
// are known send OpenSSH's order: libssh2, which is not libssh, paramiko, JSch,
// Go's, and those that run ssh.
var draftClients = []string{
	"ssh2js", "libssh_", "libssh-", "AsyncSSH_", "phpseclib_", "WinSCP_",
	"Ruby/Net::SSH_", "SSHJ_", "Twisted", "Erlang/",
}

// linksByDraft tells which order a client uses, by what it calls itself.
func linksByDraft(client string) bool {
	return slices.ContainsFunc(draftClients, func(begin string) bool { return strings.HasPrefix(client, begin) })
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

// realpath serves SSH_FXP_REALPATH. No name means the start, as with OpenSSH.
func (s *subsystem) realpath(r *request) error {
	name := r.args.string()
	if name == "" {
		name = "."
	}
	return s.replyResolved(r, name)
}

// replyResolved replies with the path of a name in which nothing is a link.
func (s *subsystem) replyResolved(r *request, name string) error {
	if err := r.parsed(); err != nil {
		return err
	}
	name, err := absolute(name)
	if err != nil {
		return err
	}
	// The last part may be missing, as with OpenSSH: clients ask before they
	// make something.
	if name, err = s.session.Realpath(s.ctx, name); err != nil {
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
		name = "/" + rest
	}
	return s.replyResolved(r, name)
}

// homeDirectory serves home-directory (draft-ietf-secsh-filexfer-extensions-00
// section 5). Of other users nothing is told.
func (s *subsystem) homeDirectory(r *request) error {
	if user := r.args.string(); user != "" && user != s.conn.User() {
		return errNoSuchUser
	}
	nameReply(r, home)
	return nil
}

var errNoSuchUser = &Error{StatusFailure, "No such user"}
