package storage

import (
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"sync"
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
}

// Atomic returns tree with uploads that are complete or not there at all: a
// file that is made, or written from its beginning, is written under a hidden
// name, and gets its own when it is closed. Whoever looks at the volume finds
// whole files only.
//
// A file counts as complete when Close is called and every Write, WriteAt,
// Truncate and Sync before has succeeded. CloseWithError ends an upload that is
// not complete. What has come of it stays hidden: it goes on when its user
// opens the file again without O_TRUNC, from any session, protocol or pod. For
// that, the name has the size and the times of the hidden file as long as there
// is no other. Listings do not show it. What changes a file that exists, such as
// an append, is written in place.
//
// While a session writes a file, the name is that file for this session: for
// Stat, for reading, and for Rename.
//
// Names of hidden files are no names for callers: there is nothing to be found
// under them, and nothing can be made.
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

// Incomplete reports whether info, from a tree of [Atomic], describes an upload
// of the tree's own user that is not complete.
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

// Remove implements [FS]. Where there is nothing else, it gives up the upload
// that was cut. A file that this session is writing is gone, and stays so when it
// is closed.
func (a *atomic) Remove(name string) error {
	if err := refuse("remove", false, name); err != nil {
		return err
	}
	u := a.writing(name, false)
	err := a.tree.Remove(name)
	if u != nil && (err == nil || errors.Is(err, fs.ErrNotExist)) {
		u.abandon()
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	full, resolveErr := a.realName(name, false)
	if resolveErr != nil {
		return err
	}
	switch hiddenErr := discard(a.real, a.partial(full), 0); {
	case hiddenErr == nil:
		return nil
	case errors.Is(hiddenErr, syscall.EBUSY):
		return named("remove", name, syscall.EBUSY)
	}
	return err
}

// RemoveDir implements [FS]. A folder with nothing but uploads that were cut is
// empty for whoever lists it, and so it is removed with them.
func (a *atomic) RemoveDir(name string) error {
	if err := refuse("rmdir", false, name); err != nil {
		return err
	}
	err := a.tree.RemoveDir(name)
	if !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, fs.ErrExist) {
		return err
	}
	var partials []string
	for info, listErr := range a.tree.List(name) {
		if listErr != nil || !Reserved(info.Name()) {
			return err
		}
		partials = append(partials, name+"/"+info.Name())
	}
	for _, partial := range partials {
		if err := discard(a.tree, partial, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return named("rmdir", name, withoutPath(err))
		}
	}
	return a.tree.RemoveDir(name)
}

// Rename implements [FS].
func (a *atomic) Rename(oldName, newName string) error { return a.rename(oldName, newName, true) }

// RenameNew implements [FS].
func (a *atomic) RenameNew(oldName, newName string) error { return a.rename(oldName, newName, false) }

func (a *atomic) rename(oldName, newName string, replace bool) error {
	if err := errors.Join(refuse("rename", false, oldName), refuse("rename", true, newName)); err != nil {
		return err
	}
	from, err := a.realName(oldName, false)
	if err != nil {
		return err
	}
	to, err := a.realName(newName, false)
	if err != nil {
		return named("rename", oldName, err)
	}
	if u := a.writingTo(from); u != nil {
		return withName(oldName, u.rename(to, replace))
	}
	replaced := a.writingTo(to)
	rename := a.tree.Rename
	if !replace {
		if rename = a.tree.RenameNew; replaced != nil {
			return named("rename", oldName, fs.ErrExist)
		}
	}
	if err := rename(oldName, newName); err != nil {
		return err
	}
	if replaced != nil {
		replaced.abandon()
	}
	a.moved(from+"/", to+"/")
	return nil
}

// moved keeps up with what this session is writing below a folder that has
// another name now.
func (s *session) moved(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, u := range s.open {
		if rest, below := strings.CutPrefix(name, from); below {
			delete(s.open, name)
			u.name, u.hidden = to+rest, to+strings.TrimPrefix(u.hidden, from)
			s.open[u.name] = u
		}
	}
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
