package users

import (
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

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
