package users

import (
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
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
//	WriteOnly  make new files and folders; describe folders, and no files but
//	           those made through this tree, which may be written again, renamed
//	           within the drop box and given times: what clients do to complete an upload
//	None       nothing
//
// A change of the user's permissions is in force at once.
func (u *User) Restrict(tree storage.FS) storage.FS {
	return &restricted{tree: tree, account: u}
}

// restricted checks permissions. It embeds nothing: a method that FS gains
// does not compile here until it is decided who may call it.
type restricted struct {
	tree    storage.FS
	account *User
	made    made
}

// rules are the permissions in force.
func (r *restricted) rules() *config.User { return &r.account.now().config }

var errDenied = fs.ErrPermission

func deny(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: errDenied} }

// access returns what the user may do with name. Where rules for paths exist,
// symbolic links are followed first: a link must not lead around a rule.
func (r *restricted) access(name string) config.Access {
	rules := r.rules()
	name = path.Clean("/" + name)
	if len(rules.Paths) > 0 {
		name = resolve(r.tree, name)
	}
	return accessTo(rules, name)
}

// accessTo returns what the user may do with a path without links.
func accessTo(rules *config.User, name string) config.Access {
	access, longest := rules.Access, -1
	for _, rule := range rules.Paths {
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
	if err == nil && access == config.AccessWriteOnly && !info.IsDir() && !r.made.has(r.tree, name) {
		// A drop box does not tell what others have dropped.
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return info, err
}

// leadsOn reports whether a rule is for something below name, so that the
// user must be able to get there.
func (r *restricted) leadsOn(name string) bool {
	name = path.Clean("/" + name)
	for _, rule := range r.rules().Paths {
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
		return r.drop(name, flag, perm)
	}
	return nil, deny("open", name)
}

// drop opens a file in a drop box.
func (r *restricted) drop(name string, flag int, perm fs.FileMode) (storage.File, error) {
	switch {
	case flag&os.O_RDWR != 0 || flag&(os.O_WRONLY|os.O_CREATE) == 0:
		return nil, deny("open", name)
	case r.made.has(r.tree, name):
	case flag&os.O_CREATE == 0:
		return nil, deny("open", name)
	default:
		flag |= os.O_EXCL
	}
	f, err := r.tree.OpenFile(name, flag, perm)
	if errors.Is(err, fs.ErrExist) {
		return nil, deny("open", name)
	}
	if err == nil {
		r.made.add(name, f)
	}
	return f, err
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
	return r.rename(oldName, newName, r.tree.Rename)
}

func (r *restricted) RenameNew(oldName, newName string) error {
	return r.rename(oldName, newName, r.tree.RenameNew)
}

func (r *restricted) rename(oldName, newName string, rename func(string, string) error) error {
	switch {
	case r.mayMove(oldName) && r.mayMove(newName):
		return rename(oldName, newName)
	case r.own(oldName) && r.access(newName) == config.AccessWriteOnly && !r.ruled(newName):
		err := r.tree.RenameNew(oldName, newName)
		if errors.Is(err, fs.ErrExist) {
			return deny("rename", newName)
		}
		if err == nil {
			r.made.move(oldName, newName)
		}
		return err
	}
	return deny("rename", oldName)
}

// own reports whether name is a file in a drop box that was made through this tree.
func (r *restricted) own(name string) bool {
	return r.made.has(r.tree, name) && r.access(name) == config.AccessWriteOnly
}

// ruled reports whether a rule is for name itself or something below it.
func (r *restricted) ruled(name string) bool {
	name = path.Clean("/" + name)
	return slices.ContainsFunc(r.rules().Paths, func(rule config.PathRule) bool { return within(name, rule.Path) })
}

// mayMove reports whether name itself may change or vanish: it and its folder
// may be written, and no rule is for something below it, which would otherwise
// come to be elsewhere.
func (r *restricted) mayMove(name string) bool {
	clean := path.Clean("/" + name)
	rules := r.rules()
	// The link itself is moved, not what it leads to.
	itself := clean
	if len(rules.Paths) > 0 {
		itself = path.Join(resolve(r.tree, path.Dir(clean)), path.Base(clean))
	}
	return accessTo(rules, itself) == config.AccessReadWrite &&
		r.access(path.Dir(clean)) == config.AccessReadWrite && !r.ruled(itself)
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
	if !r.mayWrite(name) && !r.own(name) {
		return deny("chmod", name)
	}
	return r.tree.Chmod(name, mode)
}

func (r *restricted) Chtimes(name string, accessed, modified time.Time) error {
	if !r.mayWrite(name) && !r.own(name) {
		return deny("chtimes", name)
	}
	return r.tree.Chtimes(name, accessed, modified)
}

func (r *restricted) Lchtimes(name string, accessed, modified time.Time) error {
	if !r.mayMove(name) {
		return deny("lchtimes", name)
	}
	return r.tree.Lchtimes(name, accessed, modified)
}

func (r *restricted) Realpath(name string) (string, error) {
	place, err := r.Resolve(name, true)
	return place.Name, err
}

func (r *restricted) Resolve(name string, follow bool) (storage.Place, error) {
	if r.access(name) == config.AccessNone && !r.leadsOn(name) {
		return storage.Place{}, deny("realpath", name)
	}
	return r.tree.Resolve(name, follow)
}

func (r *restricted) NoLinks() storage.FS { return r }

func (r *restricted) Space(name string) (storage.Space, error) {
	if r.access(name) == config.AccessNone {
		return storage.Space{}, deny("statfs", name)
	}
	return r.tree.Space(name)
}

func (r *restricted) Close() error { return r.tree.Close() }
