package users

import (
	"errors"
	"io/fs"
	"iter"
	"strings"
	"syscall"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// Restrict returns the tree with the user's permissions: the one place where
// they are checked, for all protocols.
//
//	ReadWrite  all
//	ReadOnly   describe, list and read
//	WriteOnly  make new files and folders; describe folders, and no files but
//	           those made through this tree, which may be written again, renamed
//	           within the drop box and given times: what clients do to complete an upload
//	None       nothing
//
// A change of the user's permissions is in force at once, for open files too.
// Nobody uses the names of hidden uploads (see [storage.Reserved]).
func (u *User) Restrict(tree storage.FS) storage.FS {
	return &restricted{tree: tree, real: tree.NoLinks(), account: u}
}

// restricted checks permissions. It embeds nothing: a method that FS gains
// does not compile here until it is decided who may call it.
//
// Where the answer depends on the place, the name is walked first, the answer
// is that for the place so found, and the operation is asked for under its real
// name in the tree without links. So what is done is done to the place that was
// decided on, or fails because a link came in its way.
type restricted struct {
	tree    storage.FS
	real    storage.FS // the same without links
	account *User
	made    made
}

var errDenied = fs.ErrPermission

func deny(op, name string) error { return named(op, name, errDenied) }

// named puts the name that the client knows in place of the real one.
func named(op, name string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// maxTries is how often a name is walked again after a link came in the way.
// Who goes on exchanging links for files is refused.
const maxTries = 10

// An act is something to be done to a place.
type act struct {
	op, name string
	follow   bool // a link in the last part
	may      func(c *config.User, s *spot) bool
	do       func(tree storage.FS, name string, s *spot) error
}

// on does an act, if the user may.
func (r *restricted) on(a act) error {
	if storage.Reserved(a.name) {
		return deny(a.op, a.name)
	}
	for range maxTries {
		err := r.try(a)
		if !errors.Is(err, errWayChanged) {
			return named(a.op, a.name, err)
		}
	}
	return deny(a.op, a.name)
}

// errWayChanged means that a link was in the way of a name that had none.
var errWayChanged = errors.New("a link came in the way")

func (r *restricted) try(a act) error {
	account := r.account.now()
	c := &account.config
	if len(c.Paths) == 0 && c.Access != config.AccessWriteOnly {
		s := &spot{account: account, access: c.Access} // wherever it is
		if !a.may(c, s) {
			return errDenied
		}
		return a.do(r.tree, a.name, s)
	}
	s := look(r.tree, c, a.name, a.follow)
	s.account = account
	switch {
	case !a.may(c, s) || storage.Reserved(s.Name):
		return errDenied
	case s.access == config.AccessWriteOnly && errors.Is(s.err, syscall.ENOTDIR):
		return fs.ErrNotExist // a drop box does not tell what others have dropped
	case s.err != nil:
		return s.err
	}
	err := a.do(r.real, s.name(a.name), s)
	if errors.Is(err, syscall.ELOOP) {
		return errWayChanged
	}
	return err
}

func mayRead(_ *config.User, s *spot) bool     { return s.mayRead() }
func mayMake(_ *config.User, s *spot) bool     { return s.mayMake() }
func mayDescribe(_ *config.User, s *spot) bool { return s.mayDescribe() }
func mayMove(c *config.User, s *spot) bool     { return s.mayMove(c) }

// mayChange is for what is changed, and not moved: all that may be written, and
// of a drop box what was made through this tree.
func (r *restricted) mayChange(_ *config.User, s *spot) bool { return s.mayWrite() || r.own(s) }

// own reports whether the spot is a file in a drop box that was made through
// this tree.
func (r *restricted) own(s *spot) bool {
	return s.access == config.AccessWriteOnly && r.made.has(&s.Place)
}

func (r *restricted) Stat(name string) (fs.FileInfo, error) {
	return r.describe("stat", name, true, storage.FS.Stat)
}

func (r *restricted) Lstat(name string) (fs.FileInfo, error) {
	return r.describe("lstat", name, strings.HasSuffix(name, "/"), storage.FS.Lstat)
}

func (r *restricted) describe(op, name string, follow bool, stat func(storage.FS, string) (fs.FileInfo, error)) (info fs.FileInfo, err error) {
	err = r.on(act{op, name, follow, mayDescribe, func(tree storage.FS, name string, s *spot) (err error) {
		info, err = stat(tree, name)
		if err == nil && !r.tells(s, info) {
			return fs.ErrNotExist
		}
		return err
	}})
	if err != nil {
		return nil, err
	}
	return info, nil
}

// tells reports whether the user may know that this is there: a drop box does not
// tell what others have dropped.
func (r *restricted) tells(s *spot, info fs.FileInfo) bool {
	return s.access != config.AccessWriteOnly || info.IsDir() || storage.Incomplete(info) || r.own(s) && s.isOf(info)
}

// isOf reports whether the description is of what was walked. What is hidden
// still is not found by the walk.
func (s *spot) isOf(info fs.FileInfo) bool { return !s.Exists() || s.ID().Is(info) }

// List leaves out what may not be described.
func (r *restricted) List(name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		var entries iter.Seq2[fs.FileInfo, error]
		var g grant
		err := r.on(act{"list", name, true, mayRead, func(tree storage.FS, found string, s *spot) error {
			entries = tree.List(found)
			g.set(r, found, s)
			return nil
		}})
		if err != nil {
			yield(nil, err)
			return
		}
		for info, err := range entries {
			if !g.mayRead() {
				info, err = nil, errDenied // since it was begun
			}
			if err == nil && (storage.Reserved(info.Name()) || g.hides(info)) {
				continue
			}
			if !yield(info, named("list", name, err)) || errors.Is(err, errDenied) {
				return
			}
		}
	}
}

func (r *restricted) Readlink(name string) (target string, err error) {
	err = r.on(act{"readlink", name, false, mayRead, func(tree storage.FS, name string, _ *spot) (err error) {
		target, err = tree.Readlink(name)
		return err
	}})
	return target, err
}

func (r *restricted) Realpath(name string) (string, error) {
	place, err := r.Resolve(name, true)
	return place.Name, err
}

// Resolve tells where a name leads to who may know what is there.
func (r *restricted) Resolve(name string, follow bool) (place storage.Place, err error) {
	err = r.on(act{"realpath", name, follow, mayDescribe, func(tree storage.FS, name string, s *spot) (err error) {
		if s.access == config.AccessWriteOnly && strings.HasSuffix(name, "/") && !s.Exists() {
			return fs.ErrNotExist // as for a file that another has dropped, which is no folder
		}
		place, err = tree.Resolve(name, follow)
		return err
	}})
	if err != nil {
		return storage.Place{}, err
	}
	return place, nil
}

func (r *restricted) Space(name string) (space storage.Space, err error) {
	may := func(_ *config.User, s *spot) bool { return s.access != config.AccessNone }
	err = r.on(act{"statfs", name, true, may, func(tree storage.FS, name string, s *spot) (err error) {
		if s.access == config.AccessWriteOnly {
			if info, err := tree.Stat(name); err != nil || !r.tells(s, info) {
				return errors.Join(err, fs.ErrNotExist)
			}
		}
		space, err = tree.Space(name)
		return err
	}})
	return space, err
}

// NoLinks returns the tree itself, which decides on places already.
func (r *restricted) NoLinks() storage.FS { return r }

func (r *restricted) Close() error {
	r.made.forget()
	return r.tree.Close()
}
