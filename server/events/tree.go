package events

import (
	"io/fs"
	"iter"
	"os"
	"path"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// A Source is what all events of a session have in common.
type Source struct {
	Outbox *Outbox
	User   string
	Home   string // below the top of the storage
	// Protocol, Session and Address are as the audit trail has them.
	Protocol, Session, Address string
}

// data begins what an event says of a real name.
func (s *Source) data(name string) Data {
	return Data{User: s.User, Protocol: s.Protocol, Session: s.Session, Address: s.Address, Path: name, Location: s.location(name)}
}

func (s *Source) location(name string) string { return path.Join("/", s.Home, name) }

// Publish records each upload of a tree before it is visible: see [storage.Uploads].
func (s *Source) Publish(c storage.Completion, give func() error) error {
	d := s.data(c.Name)
	d.Bytes = &c.Size
	k := check{Location: d.Location, Token: c.ID.Token()}
	if c.Hidden != "" {
		k.From = s.location(c.Hidden)
	}
	return s.Outbox.Do(UploadCompleted, d, k, give)
}

// Tree returns a tree that tells of what is renamed, removed, or written in place. Uploads that are
// hidden until they are complete are told by [Source.Publish]. It is to be below what decides on
// permissions, and above storage.Atomic.
//
// It embeds no FS: a method that FS gains does not compile here until it is decided
// whether it is told.
func (s *Source) Tree(tree storage.FS) storage.FS { return &teller{tree, s} }

type teller struct {
	tree   storage.FS
	source *Source
}

// OpenFile implements [storage.FS]. An upload that could not be told of is refused before it
// begins.
func (t *teller) OpenFile(name string, flag int, perm fs.FileMode) (storage.File, error) {
	writes := flag&(os.O_WRONLY|os.O_RDWR) != 0
	if writes {
		if err := t.source.Outbox.room(UploadCompleted, t.source.data(path.Clean("/"+name))); err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
	f, err := t.tree.OpenFile(name, flag, perm)
	if err != nil || !writes {
		return f, err
	}
	if _, hidden := f.(interface{ Target() string }); hidden {
		return f, nil
	}
	before, err := f.Stat()
	if err != nil || !before.Mode().IsRegular() {
		return f, nil //nolint:nilerr // it is opened all the same
	}
	return &inPlace{File: f, tree: t, name: name, before: before, made: before.Size() == 0 && flag&os.O_CREATE != 0}, nil
}

// Rename implements [storage.FS].
func (t *teller) Rename(oldName, newName string) error {
	return t.rename(oldName, newName, t.tree.Rename)
}

// RenameNew implements [storage.FS].
func (t *teller) RenameNew(oldName, newName string) error {
	return t.rename(oldName, newName, t.tree.RenameNew)
}

func (t *teller) rename(oldName, newName string, do func(string, string) error) error {
	info, from, ok := t.visible(oldName)
	to, err := t.tree.Resolve(newName, false)
	if !ok || err != nil || from.Name == to.Name {
		return do(oldName, newName)
	}
	d := t.source.data(to.Name)
	d.OldPath, d.OldLocation, d.Folder = from.Name, t.source.location(from.Name), info.IsDir()
	if info.Mode().IsRegular() {
		size := info.Size()
		d.Bytes = &size
	}
	c := check{Location: d.Location, From: d.OldLocation, Token: from.ID().Token()}
	return t.source.Outbox.Do(FileRenamed, d, c, func() error { return do(oldName, newName) })
}

// Remove implements [storage.FS].
func (t *teller) Remove(name string) error {
	info, place, ok := t.visible(name)
	if !ok || !info.Mode().IsRegular() {
		return t.tree.Remove(name)
	}
	d, size := t.source.data(place.Name), info.Size()
	d.Bytes = &size
	c := check{From: d.Location, Token: place.ID().Token(), Gone: true}
	return t.source.Outbox.Do(FileDeleted, d, c, func() error { return t.tree.Remove(name) })
}

// visible describes what has a name, if others see it too.
func (t *teller) visible(name string) (info fs.FileInfo, place storage.Place, ok bool) {
	info, err := t.tree.Lstat(name)
	if err != nil || storage.Incomplete(info) {
		return nil, place, false
	}
	place, err = t.tree.Resolve(name, false)
	return info, place, err == nil && place.Exists() && place.ID().Is(info)
}

// Stat implements [storage.FS].
func (t *teller) Stat(name string) (fs.FileInfo, error) { return t.tree.Stat(name) }

// Lstat implements [storage.FS].
func (t *teller) Lstat(name string) (fs.FileInfo, error) { return t.tree.Lstat(name) }

// List implements [storage.FS].
func (t *teller) List(name string) iter.Seq2[fs.FileInfo, error] { return t.tree.List(name) }

// Mkdir implements [storage.FS].
func (t *teller) Mkdir(name string, perm fs.FileMode) error { return t.tree.Mkdir(name, perm) }

// RemoveDir implements [storage.FS].
func (t *teller) RemoveDir(name string) error { return t.tree.RemoveDir(name) }

// Link implements [storage.FS].
func (t *teller) Link(oldName, newName string) error { return t.tree.Link(oldName, newName) }

// Symlink implements [storage.FS].
func (t *teller) Symlink(target, name string) error { return t.tree.Symlink(target, name) }

// Readlink implements [storage.FS].
func (t *teller) Readlink(name string) (string, error) { return t.tree.Readlink(name) }

// Realpath implements [storage.FS].
func (t *teller) Realpath(name string) (string, error) { return t.tree.Realpath(name) }

// Chmod implements [storage.FS].
func (t *teller) Chmod(name string, mode fs.FileMode) error { return t.tree.Chmod(name, mode) }

// Chtimes implements [storage.FS].
func (t *teller) Chtimes(name string, accessed, modified time.Time) error {
	return t.tree.Chtimes(name, accessed, modified)
}

// Lchtimes implements [storage.FS].
func (t *teller) Lchtimes(name string, accessed, modified time.Time) error {
	return t.tree.Lchtimes(name, accessed, modified)
}

// Chown implements [storage.FS].
func (t *teller) Chown(name string, uid, gid int) error { return t.tree.Chown(name, uid, gid) }

// Space implements [storage.FS].
func (t *teller) Space(name string) (storage.Space, error) { return t.tree.Space(name) }

// Resolve implements [storage.FS].
func (t *teller) Resolve(name string, follow bool) (storage.Place, error) {
	return t.tree.Resolve(name, follow)
}

// NoLinks implements [storage.FS].
func (t *teller) NoLinks() storage.FS { return &teller{t.tree.NoLinks(), t.source} }

// Close implements [storage.FS].
func (t *teller) Close() error { return t.tree.Close() }
