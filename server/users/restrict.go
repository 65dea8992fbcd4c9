package users

import (
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// Restrict returns the tree with the user's permissions: the one place where
// they are checked, for all protocols.
//
//	ReadWrite  all
//	ReadOnly   describe, list and read
//	WriteOnly  make new files and folders; describe folders, and no files
//	None       nothing
func (u *User) Restrict(tree storage.FS) storage.FS {
	if u.config.Access == config.AccessReadWrite && len(u.config.Paths) == 0 {
		return tree
	}
	return &restricted{tree: tree, user: u}
}

// restricted checks permissions. It embeds nothing: a method that FS gains
// does not compile here until it is decided who may call it.
type restricted struct {
	tree storage.FS
	user *User
}

var errDenied = fs.ErrPermission

func deny(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: errDenied} }

// access returns what the user may do with name. Where rules for paths exist,
// symbolic links are followed first: a link must not lead around a rule.
func (r *restricted) access(name string) config.Access {
	name = path.Clean("/" + name)
	if len(r.user.config.Paths) > 0 {
		name = resolve(r.tree, name)
	}
	return r.user.access(name)
}

// access returns what the user may do with a path without links.
func (u *User) access(name string) config.Access {
	access, longest := u.config.Access, -1
	for _, rule := range u.config.Paths {
		if len(rule.Path) > longest && within(rule.Path, name) {
			access, longest = rule.Access, len(rule.Path)
		}
	}
	return access
}

// within reports whether name is dir or below it.
func within(dir, name string) bool {
	return dir == "/" || name == dir || strings.HasPrefix(name, dir+"/")
}

// maxLinks is how many symbolic links a path may go through, as on Linux.
const maxLinks = 40

// resolve follows the symbolic links in a clean absolute path as far as it
// exists, except for the last part, which is followed too.
func resolve(tree storage.FS, name string) string {
	done, rest, links := "/", strings.Split(name[1:], "/"), 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		next := path.Join(done, part)
		info, err := tree.Lstat(next)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		target, err := tree.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return next
		}
		if path.IsAbs(target) {
			done = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return done
}

func (r *restricted) Stat(name string) (fs.FileInfo, error) {
	return r.describe("stat", name, r.tree.Stat)
}

func (r *restricted) Lstat(name string) (fs.FileInfo, error) {
	return r.describe("lstat", name, r.tree.Lstat)
}

func (r *restricted) describe(op, name string, stat func(string) (fs.FileInfo, error)) (fs.FileInfo, error) {
	access := r.access(name)
	if access == config.AccessNone && !r.leadsOn(name) {
		return nil, deny(op, name)
	}
	info, err := stat(name)
	if err == nil && access == config.AccessWriteOnly && !info.IsDir() {
		// A drop box does not tell what others have dropped.
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return info, err
}

// leadsOn reports whether a rule is for something below name, so that the
// user must be able to get there.
func (r *restricted) leadsOn(name string) bool {
	name = path.Clean("/" + name)
	for _, rule := range r.user.config.Paths {
		if rule.Access != config.AccessNone && within(name, rule.Path) {
			return true
		}
	}
	return false
}

func (r *restricted) List(name string) iter.Seq2[fs.FileInfo, error] {
	if !r.mayRead(name) {
		return func(yield func(fs.FileInfo, error) bool) { yield(nil, deny("list", name)) }
	}
	return r.tree.List(name)
}

func (r *restricted) mayRead(name string) bool {
	a := r.access(name)
	return a == config.AccessReadWrite || a == config.AccessReadOnly
}

func (r *restricted) mayWrite(name string) bool { return r.access(name) == config.AccessReadWrite }

func (r *restricted) OpenFile(name string, flag int, perm fs.FileMode) (storage.File, error) {
	const writing = os.O_WRONLY | os.O_RDWR | os.O_CREATE | os.O_TRUNC | os.O_APPEND
	switch r.access(name) {
	case config.AccessReadWrite:
		return r.tree.OpenFile(name, flag, perm)
	case config.AccessReadOnly:
		if flag&writing == 0 {
			return r.tree.OpenFile(name, flag, perm)
		}
	case config.AccessWriteOnly:
		if flag&os.O_CREATE != 0 && flag&os.O_RDWR == 0 {
			f, err := r.tree.OpenFile(name, flag|os.O_EXCL, perm)
			if errors.Is(err, fs.ErrExist) {
				err = deny("open", name)
			}
			return f, err
		}
	}
	return nil, deny("open", name)
}

func (r *restricted) Mkdir(name string, perm fs.FileMode) error {
	if a := r.access(name); a != config.AccessReadWrite && a != config.AccessWriteOnly {
		return deny("mkdir", name)
	}
	return r.tree.Mkdir(name, perm)
}

func (r *restricted) Remove(name string) error {
	if !r.mayMove(name) {
		return deny("remove", name)
	}
	return r.tree.Remove(name)
}

func (r *restricted) RemoveDir(name string) error {
	if !r.mayMove(name) {
		return deny("rmdir", name)
	}
	return r.tree.RemoveDir(name)
}

func (r *restricted) Rename(oldName, newName string) error {
	if !r.mayMove(oldName) || !r.mayMove(newName) {
		return deny("rename", oldName)
	}
	return r.tree.Rename(oldName, newName)
}

func (r *restricted) RenameNew(oldName, newName string) error {
	if !r.mayMove(oldName) || !r.mayMove(newName) {
		return deny("rename", oldName)
	}
	return r.tree.RenameNew(oldName, newName)
}

// mayMove reports whether name itself may change or vanish: it and its folder
// may be written, and no rule is for something below it, which would otherwise
// come to be elsewhere.
func (r *restricted) mayMove(name string) bool {
	clean := path.Clean("/" + name)
	// The link itself is moved, not what it leads to.
	itself := clean
	if len(r.user.config.Paths) > 0 {
		itself = path.Join(resolve(r.tree, path.Dir(clean)), path.Base(clean))
	}
	if r.user.access(itself) != config.AccessReadWrite || r.access(path.Dir(clean)) != config.AccessReadWrite {
		return false
	}
	for _, rule := range r.user.config.Paths {
		if within(itself, rule.Path) {
			return false
		}
	}
	return true
}

func (r *restricted) Link(oldName, newName string) error {
	if !r.mayWrite(oldName) || !r.mayWrite(newName) {
		return deny("link", newName)
	}
	return r.tree.Link(oldName, newName)
}

func (r *restricted) Symlink(target, name string) error {
	leads := target
	if !path.IsAbs(leads) {
		leads = path.Join(path.Dir(path.Clean("/"+name)), target)
	}
	// A link to where the user may do something else would be no breach, as
	// links are followed before each check, but a puzzle.
	if !r.mayWrite(name) || !r.mayWrite(leads) {
		return deny("symlink", name)
	}
	return r.tree.Symlink(target, name)
}

func (r *restricted) Readlink(name string) (string, error) {
	if !r.mayRead(name) {
		return "", deny("readlink", name)
	}
	return r.tree.Readlink(name)
}

func (r *restricted) Chmod(name string, mode fs.FileMode) error {
	if !r.mayWrite(name) {
		return deny("chmod", name)
	}
	return r.tree.Chmod(name, mode)
}

func (r *restricted) Chtimes(name string, accessed, modified time.Time) error {
	if !r.mayWrite(name) {
		return deny("chtimes", name)
	}
	return r.tree.Chtimes(name, accessed, modified)
}

func (r *restricted) Space(name string) (storage.Space, error) {
	if r.access(name) == config.AccessNone {
		return storage.Space{}, deny("statfs", name)
	}
	return r.tree.Space(name)
}

func (r *restricted) Close() error { return r.tree.Close() }
