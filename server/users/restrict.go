package users

import (
	"errors"
	"io/fs"
	"iter"
	"os"
	"strings"
	"syscall"
	"time"

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

func (r *restricted) OpenFile(name string, flag int, perm fs.FileMode) (file storage.File, err error) {
	const writing = os.O_WRONLY | os.O_RDWR | os.O_CREATE | os.O_TRUNC | os.O_APPEND
	may := func(_ *config.User, s *spot) bool {
		switch s.access {
		case config.AccessReadWrite:
			return true
		case config.AccessReadOnly:
			return flag&writing == 0
		case config.AccessWriteOnly:
			return flag&os.O_CREATE != 0 ||
				flag&(os.O_WRONLY|os.O_RDWR) == os.O_WRONLY && (r.own(s) || !s.Exists() || flag&storage.Upload != 0)
		}
		return false
	}
	err = r.on(act{"open", name, flag&os.O_EXCL == 0, may, func(tree storage.FS, name string, s *spot) error {
		var f storage.File
		var err error
		if s.access == config.AccessWriteOnly {
			f, err = r.drop(tree, name, s, flag, perm)
		} else {
			f, err = tree.OpenFile(name, flag, perm)
		}
		if err == nil {
			file = r.guard(f, name, s, flag)
		}
		return err
	}})
	return file, err
}

// drop opens a file in a drop box: a new one, one that was made through this tree,
// or an upload of the user's that was cut. It is not read, whatever the client
// asks for, and it is hidden until it is complete: so who was cut may repeat the
// upload under the same name.
func (r *restricted) drop(tree storage.FS, name string, s *spot, flag int, perm fs.FileMode) (storage.File, error) {
	exclusive := flag&os.O_EXCL != 0
	if flag&os.O_RDWR != 0 {
		flag = flag&^os.O_RDWR | os.O_WRONLY
	}
	if exclusive {
		flag |= os.O_TRUNC // nothing of an earlier upload
	}
	if !r.own(s) || !s.Exists() {
		flag |= os.O_EXCL
	}
	f, err := tree.OpenFile(name, flag|storage.Hide, perm)
	switch {
	case errors.Is(err, fs.ErrExist) && !exclusive,
		errors.Is(err, fs.ErrNotExist) && flag&os.O_CREATE == 0 && !strings.HasSuffix(name, "/"):
		return nil, errDenied // alike for what another has dropped and for nothing
	case err != nil:
		return nil, err
	}
	if !isUpload(f) && flag&os.O_EXCL == 0 && !s.isOpen(f) {
		// Another's has come in its place. Nothing was emptied.
		return nil, errors.Join(errDenied, f.Close())
	}
	r.made.add(&s.Place, f)
	return f, nil
}

// isOpen reports whether what was walked is the file.
func (s *spot) isOpen(f storage.File) bool {
	osFile := storage.OSFile(f)
	if osFile == nil {
		return true // a tree that is no folder of the system
	}
	id, err := storage.IDOf(osFile)
	return err == nil && id == s.ID()
}

func (r *restricted) Mkdir(name string, perm fs.FileMode) error {
	return r.on(act{"mkdir", name, false, mayMake, func(tree storage.FS, name string, _ *spot) error {
		return tree.Mkdir(name, perm)
	}})
}

func (r *restricted) Remove(name string) error {
	return r.on(act{"remove", name, false, mayMove, func(tree storage.FS, name string, _ *spot) error {
		return tree.Remove(name)
	}})
}

func (r *restricted) RemoveDir(name string) error {
	return r.on(act{"rmdir", name, false, mayMove, func(tree storage.FS, name string, _ *spot) error {
		return tree.RemoveDir(name)
	}})
}

func (r *restricted) Rename(oldName, newName string) error {
	return r.rename(oldName, newName, storage.FS.Rename)
}

func (r *restricted) RenameNew(oldName, newName string) error {
	return r.rename(oldName, newName, storage.FS.RenameNew)
}

func (r *restricted) rename(oldName, newName string, rename func(tree storage.FS, oldName, newName string) error) error {
	mayLeave := func(c *config.User, s *spot) bool { return s.mayMove(c) || r.own(s) }
	return r.on(act{"rename", oldName, false, mayLeave, func(_ storage.FS, from string, old *spot) error {
		own := r.own(old)
		mayCome := func(c *config.User, s *spot) bool {
			return s.mayMove(c) && !own || own && s.access == config.AccessWriteOnly && !s.ruled()
		}
		return r.on(act{"rename", newName, false, mayCome, func(tree storage.FS, to string, s *spot) error {
			if !own {
				return rename(tree, from, to)
			}
			err := tree.RenameNew(from, to)
			if errors.Is(err, fs.ErrExist) {
				return errDenied
			}
			if err == nil {
				r.made.move(old.Name, s.Name)
			}
			return err
		}})
	}})
}

func (r *restricted) Link(oldName, newName string) error {
	mayWrite := func(_ *config.User, s *spot) bool { return s.mayWrite() }
	mayCome := func(_ *config.User, s *spot) bool { return s.mayWrite() && !s.ruled() }
	return r.on(act{"link", oldName, false, mayWrite, func(_ storage.FS, from string, _ *spot) error {
		return r.on(act{"link", newName, false, mayCome, func(tree storage.FS, to string, _ *spot) error {
			return tree.Link(from, to)
		}})
	}})
}

func (r *restricted) Symlink(target, name string) error {
	if storage.Reserved(target) {
		return deny("symlink", name)
	}
	// A link to where the user may do something else would be no breach, as
	// links are followed before each check, but a puzzle. One in the way of a
	// rule would lead what the rule is for to elsewhere.
	may := func(c *config.User, s *spot) bool {
		if len(c.Paths) == 0 {
			return s.mayWrite()
		}
		return s.mayWrite() && !s.ruled() && look(r.tree, c, s.linkTarget(target), true).mayWrite()
	}
	return r.on(act{"symlink", name, false, may, func(tree storage.FS, name string, _ *spot) error {
		return tree.Symlink(target, name)
	}})
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

func (r *restricted) Chmod(name string, mode fs.FileMode) error {
	return r.on(act{"chmod", name, true, r.mayChange, func(tree storage.FS, name string, _ *spot) error {
		return tree.Chmod(name, mode)
	}})
}

func (r *restricted) Chtimes(name string, accessed, modified time.Time) error {
	return r.on(act{"chtimes", name, true, r.mayChange, func(tree storage.FS, name string, _ *spot) error {
		return tree.Chtimes(name, accessed, modified)
	}})
}

func (r *restricted) Lchtimes(name string, accessed, modified time.Time) error {
	follow := strings.HasSuffix(name, "/")
	return r.on(act{"lchtimes", name, follow, r.mayChange, func(tree storage.FS, name string, _ *spot) error {
		return tree.Lchtimes(name, accessed, modified)
	}})
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
