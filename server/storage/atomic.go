package storage

import (
	"errors"
	"io/fs"
	"iter"
	"path"
	"sync"
	"time"
)

// Uploads says how uploads of a tree are kept until they are complete.
type Uploads struct {
	// User is whose they are. Uploads of different users to one name do not
	// meet; the one that is complete last is the file.
	User string
	// Hidden tells, for each upload that begins, whether it is hidden until it
	// is complete. What was hidden before can be completed in either case. Nil:
	// all are hidden.
	Hidden func() bool
	// Keep tells how long an upload that was cut is kept; nil or zero: for ever.
	Keep func() time.Duration
	// Publish, if not nil, is told of each upload that is complete, before anybody finds it
	// under its name. It calls give, which gives it its name, and returns what give does.
	// With another error, the upload ends as if it could not have the name.
	Publish func(c Completion, give func() error) error
}

// A Completion is an upload that is complete, and about to get its name.
type Completion struct {
	Name   string // real name that the file will have
	Hidden string // real name that it has until then; "" if it has none
	Size   int64
	ID     ID // that the file has, and keeps
}

// Give gives an upload its name, by way of Publish.
func (u *Uploads) Give(c Completion, give func() error) error {
	if u.Publish == nil {
		return give()
	}
	return u.Publish(c, give)
}

// Atomic returns tree with uploads that are complete or not there at all: a
// file that is made, or written from its beginning, is written under a hidden
// name, and gets its own when it is closed. Whoever looks at the volume finds
// whole files only.
//
// Complete and not complete:
//
//   - A file is complete when Close is called, and every Write, WriteAt, Truncate
//     and Sync before has succeeded.
//   - CloseWithError ends an upload that is not complete. Its bytes stay hidden.
//   - Its user goes on with it by opening the name again without O_TRUNC, from any
//     session, protocol or pod. So that clients find out where to go on, Stat of the
//     name returns the size and the times of the hidden file, unless there is a
//     visible one. Listings do not show the hidden file.
//   - A change of a file that exists, such as an append, is written in place.
//
// Names:
//
//   - While a session writes a file, the name stands for that file in this session:
//     in Stat, in reading, and in Rename.
//   - The names of hidden files do not exist for callers: nothing is found under
//     them, and nothing can be made there.
//
// A tree is for one session. A second upload of one user to one name at the same
// time is refused with EBUSY.
func Atomic(tree FS, uploads Uploads) FS {
	return &atomic{tree: tree, session: &session{real: tree.NoLinks(), uploads: uploads, open: map[string]*upload{}}}
}

// atomic embeds no FS: a method that FS gains does not compile here until it is
// decided what hidden files are to it.
type atomic struct {
	tree    FS
	noLinks bool // tree takes real names only
	*session
}

// A session is what its trees, with links and without, have in common.
type session struct {
	real    FS // for real names
	uploads Uploads
	mu      sync.Mutex
	open    map[string]*upload // by the real name that they will have
}

var _ FS = (*atomic)(nil)

func (s *session) partial(realName string) string { return partialName(s.uploads.User, realName) }

// NoLinks implements [FS]. It is the same session.
func (a *atomic) NoLinks() FS { return &atomic{tree: a.real, noLinks: true, session: a.session} }

// realName returns where name leads.
func (a *atomic) realName(name string, follow bool) (string, error) {
	if a.noLinks {
		return name, nil
	}
	place, err := a.tree.Resolve(name, follow || meansFolder(name))
	return place.Name, err
}

// writing returns this session's upload to name, if there is one.
func (a *atomic) writing(name string, follow bool) *upload {
	a.mu.Lock()
	none := len(a.open) == 0
	a.mu.Unlock()
	if none {
		return nil
	}
	full, err := a.realName(name, follow)
	if err != nil {
		return nil
	}
	return a.writingTo(full)
}

// writingTo is writing for a real name.
func (s *session) writingTo(realName string) *upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[realName]
}

// at calls f with a tree and the name under which the file is there: hidden,
// while this session writes it, or where there is nothing else.
func (a *atomic) at(op, name string, follow bool, f func(FS, string) error) error {
	if err := refuse(op, false, name); err != nil {
		return err
	}
	if u := a.writing(name, follow); u != nil {
		return withName(name, f(a.real, u.at()))
	}
	err := f(a.tree, name)
	if errors.Is(err, fs.ErrNotExist) {
		full, resolveErr := a.realName(name, follow)
		if resolveErr == nil && f(a.real, a.partial(full)) == nil {
			return nil
		}
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

// incomplete is the description of a hidden file under the name it will have.
type incomplete struct {
	fs.FileInfo
	name string
}

func (i incomplete) Name() string { return i.name }

// AsIncomplete returns info as that of an upload that is not complete, for trees that
// hide uploads without [Atomic].
func AsIncomplete(info fs.FileInfo) fs.FileInfo { return incomplete{info, info.Name()} }

// Incomplete reports whether info, from a tree of [Atomic] or of one that hides uploads itself,
// describes an upload of the tree's own user that is not complete.
func Incomplete(info fs.FileInfo) bool {
	_, ok := info.(incomplete)
	return ok
}

// describe is for Stat and Lstat.
func (a *atomic) describe(op, name string, follow bool, stat func(FS, string) (fs.FileInfo, error)) (info fs.FileInfo, err error) {
	err = a.at(op, name, follow, func(tree FS, at string) (err error) {
		if info, err = stat(tree, at); err == nil && Reserved(path.Base(at)) {
			info = incomplete{info, path.Base(path.Clean("/" + name))}
		}
		return err
	})
	return info, err
}

// Stat implements [FS].
func (a *atomic) Stat(name string) (fs.FileInfo, error) {
	return a.describe("stat", name, true, FS.Stat)
}

// Lstat implements [FS].
func (a *atomic) Lstat(name string) (fs.FileInfo, error) {
	return a.describe("lstat", name, false, FS.Lstat)
}

// List implements [FS]. It removes uploads that were cut too long ago.
func (a *atomic) List(name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		if err := refuse("list", false, name); err != nil {
			yield(nil, err)
			return
		}
		for info, err := range a.tree.List(name) {
			if err == nil && Reserved(info.Name()) {
				a.expire(name, info)
				continue
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

func (a *atomic) expire(dir string, info fs.FileInfo) {
	if keep := a.uploads.Keep; keep != nil {
		expire(a.tree, dir+"/"+info.Name(), info, keep())
	}
}

// Mkdir implements [FS].
func (a *atomic) Mkdir(name string, perm fs.FileMode) error {
	if err := refuse("mkdir", true, name); err != nil {
		return err
	}
	return a.tree.Mkdir(name, perm)
}

// Chmod implements [FS].
func (a *atomic) Chmod(name string, mode fs.FileMode) error {
	return a.at("chmod", name, true, func(tree FS, name string) error { return tree.Chmod(name, mode) })
}

// Chtimes implements [FS].
func (a *atomic) Chtimes(name string, accessed, modified time.Time) error {
	return a.at("chtimes", name, true, func(tree FS, name string) error {
		return tree.Chtimes(name, accessed, modified)
	})
}

// Lchtimes implements [FS].
func (a *atomic) Lchtimes(name string, accessed, modified time.Time) error {
	return a.at("lchtimes", name, false, func(tree FS, name string) error {
		return tree.Lchtimes(name, accessed, modified)
	})
}

// Link implements [FS].
func (a *atomic) Link(oldName, newName string) error {
	if err := errors.Join(refuse("link", false, oldName), refuse("link", true, newName)); err != nil {
		return err
	}
	return a.tree.Link(oldName, newName)
}

// Symlink implements [FS].
func (a *atomic) Symlink(target, name string) error {
	if err := errors.Join(refuse("symlink", true, name), refuse("symlink", true, target)); err != nil {
		return err
	}
	return a.tree.Symlink(target, name)
}

// Readlink implements [FS].
func (a *atomic) Readlink(name string) (string, error) {
	if err := refuse("readlink", false, name); err != nil {
		return "", err
	}
	return a.tree.Readlink(name)
}

// Realpath implements [FS].
func (a *atomic) Realpath(name string) (string, error) {
	if err := refuse("realpath", false, name); err != nil {
		return "", err
	}
	return a.tree.Realpath(name)
}

// Resolve implements [FS].
func (a *atomic) Resolve(name string, follow bool) (Place, error) {
	if err := refuse("resolve", false, name); err != nil {
		return Place{Name: path.Clean("/" + name)}, err
	}
	return a.tree.Resolve(name, follow)
}

// Space implements [FS].
func (a *atomic) Space(name string) (space Space, err error) {
	err = a.at("statfs", name, true, func(tree FS, name string) (err error) {
		space, err = tree.Space(name)
		return err
	})
	return space, err
}

// Close implements [FS].
func (a *atomic) Close() error { return a.tree.Close() }
