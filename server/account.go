package server

import (
	"fmt"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
	"github.com/fileserver-dev/fileserver-operator/server/users"
)

// trees opens the files of users, alike for all protocols.
type trees struct {
	storage func() config.Storage // that is in force
	audit   *audit
}

// open returns what a user who has logged in may do with the files. The trail
// tells of it; permissions are asked next, under the names that the user knows; below them, uploads are
// hidden until they are complete; the volume is at the bottom.
func (t trees) open(user *users.User, trail *trail, atomic bool) (storage.FS, error) {
	c := t.storage()
	local, err := storage.OpenLocal(c.Root, user.Home(), modes(&c))
	if err != nil {
		return nil, fmt.Errorf("opening the home of user %q: %w", user.Name(), err)
	}
	tree := storage.FS(local)
	if atomic {
		tree = storage.Atomic(tree)
	}
	trail.audit, trail.user = t.audit, user.Name()
	return &audited{user.Restrict(tree), trail}, nil
}

// defaultUmask has files shared by the group, which is the same for all pods,
// and by nobody else.
const defaultUmask = 0o007

// modes are those of what users make.
func modes(c *config.Storage) storage.Modes {
	return storage.Modes{
		Umask:  c.Umask.BitsOr(defaultUmask),
		File:   c.FileMode.BitsOr(0),
		Folder: c.FolderMode.BitsOr(0),
	}
}
