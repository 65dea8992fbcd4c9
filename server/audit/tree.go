package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strconv"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// Tree returns a user's tree that tells of each change, and of whatever was refused. It
// is to be outermost, so that what a rule refuses is told too. Transfers have lines of
// their own ([Session.Transfer]); one that cannot even begin is told of here. What is
// listed or described is told of only where it is refused: it changes nothing, and clients
// list all the time.
//
// It embeds no FS: a method that FS gains does not compile here until it is decided
// whether it is told.
func (s *Session) Tree(tree storage.FS, user string) *Tree { return &Tree{tree, s, user} }

// Tree is a tree that is told of.
type Tree struct {
	tree    storage.FS
	session *Session
	user    string
}

var _ storage.FS = (*Tree)(nil)

// tell tells of a change, and returns its error.
func (t *Tree) tell(r Record, err error) error {
	r.fail(err)
	if err != nil {
		t.session.refuse(r)
	} else {
		t.session.happened(r)
	}
	return err
}

func (t *Tree) record(e Event, path string) Record {
	r := t.session.record(e, t.user)
	r.Path = path
	return r
}

// refusal tells of what changes nothing, if it was refused.
func (t *Tree) refusal(e Event, path string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return t.tell(t.record(e, path), err)
	}
	return err
}

// OpenFile implements [storage.FS].
func (t *Tree) OpenFile(name string, flag int, perm fs.FileMode) (storage.File, error) {
	f, err := t.tree.OpenFile(name, flag, perm)
	if err == nil {
		return f, nil
	}
	e := Download
	if flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		e = Upload
	}
	return nil, t.tell(t.record(e, name), err)
}

// Stat implements [storage.FS].
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	info, err := t.tree.Stat(name)
	return info, t.refusal(Stat, name, err)
}

// Lstat implements [storage.FS].
func (t *Tree) Lstat(name string) (fs.FileInfo, error) {
	info, err := t.tree.Lstat(name)
	return info, t.refusal(Stat, name, err)
}

// Readlink implements [storage.FS].
func (t *Tree) Readlink(name string) (string, error) {
	target, err := t.tree.Readlink(name)
	return target, t.refusal(Stat, name, err)
}

// Realpath implements [storage.FS].
func (t *Tree) Realpath(name string) (string, error) {
	place, err := t.tree.Realpath(name)
	return place, t.refusal(Stat, name, err)
}

// Resolve implements [storage.FS].
func (t *Tree) Resolve(name string, follow bool) (storage.Place, error) {
	place, err := t.tree.Resolve(name, follow)
	return place, t.refusal(Stat, name, err)
}

// Space implements [storage.FS].
func (t *Tree) Space(name string) (storage.Space, error) {
	space, err := t.tree.Space(name)
	return space, t.refusal(Stat, name, err)
}

// List implements [storage.FS].
func (t *Tree) List(name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for info, err := range t.tree.List(name) {
			if !yield(info, t.refusal(List, name, err)) {
				return
			}
		}
	}
}

// Mkdir implements [storage.FS].
func (t *Tree) Mkdir(name string, perm fs.FileMode) error {
	return t.tell(t.record(Mkdir, name), t.tree.Mkdir(name, perm))
}

// Remove implements [storage.FS].
func (t *Tree) Remove(name string) error {
	return t.tell(t.record(Delete, name), t.tree.Remove(name))
}

// RemoveDir implements [storage.FS].
func (t *Tree) RemoveDir(name string) error {
	return t.tell(t.record(Rmdir, name), t.tree.RemoveDir(name))
}

// Rename implements [storage.FS].
func (t *Tree) Rename(oldName, newName string) error {
	return t.tellOfTwo(Rename, oldName, newName, t.tree.Rename(oldName, newName))
}

// RenameNew implements [storage.FS].
func (t *Tree) RenameNew(oldName, newName string) error {
	return t.tellOfTwo(Rename, oldName, newName, t.tree.RenameNew(oldName, newName))
}

// Link implements [storage.FS].
func (t *Tree) Link(oldName, newName string) error {
	return t.tellOfTwo(Link, newName, oldName, t.tree.Link(oldName, newName))
}

// Symlink implements [storage.FS].
func (t *Tree) Symlink(target, name string) error {
	return t.tellOfTwo(Symlink, name, target, t.tree.Symlink(target, name))
}

func (t *Tree) tellOfTwo(e Event, path, target string, err error) error {
	r := t.record(e, path)
	r.Target = target
	return t.tell(r, err)
}

// Chmod implements [storage.FS].
func (t *Tree) Chmod(name string, mode fs.FileMode) error {
	return t.tell(t.chmod(name, mode), t.tree.Chmod(name, mode))
}

func (t *Tree) chmod(name string, mode fs.FileMode) Record {
	r := t.record(Chmod, name)
	bits := uint32(mode.Perm())
	for flag, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if mode&flag != 0 {
			bits |= bit
		}
	}
	r.Mode = fmt.Sprintf("%04o", bits)
	return r
}

// Chtimes implements [storage.FS].
func (t *Tree) Chtimes(name string, accessed, modified time.Time) error {
	return t.tell(t.chtimes(name, accessed, modified), t.tree.Chtimes(name, accessed, modified))
}

// Lchtimes implements [storage.FS].
func (t *Tree) Lchtimes(name string, accessed, modified time.Time) error {
	return t.tell(t.chtimes(name, accessed, modified), t.tree.Lchtimes(name, accessed, modified))
}

func (t *Tree) chtimes(name string, accessed, modified time.Time) Record {
	r := t.record(Chtimes, name)
	if !accessed.IsZero() {
		r.Accessed = accessed.UTC().Format(stamp)
	}
	if !modified.IsZero() {
		r.Modified = modified.UTC().Format(stamp)
	}
	return r
}

// Chown implements [storage.FS].
func (t *Tree) Chown(name string, uid, gid int) error {
	r := t.record(Chown, name)
	id := func(n int) string {
		if n < 0 {
			return "" // left as it is
		}
		return strconv.Itoa(n)
	}
	r.Owner = id(uid) + ":" + id(gid)
	return t.tell(r, t.tree.Chown(name, uid, gid))
}

// NoLinks implements [storage.FS].
func (t *Tree) NoLinks() storage.FS { return &Tree{t.tree.NoLinks(), t.session, t.user} }

// Close implements [storage.FS].
func (t *Tree) Close() error {
	t.session.finish(t.user)
	return t.tree.Close()
}
