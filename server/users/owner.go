package users

import (
	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

func (r *restricted) Chown(name string, uid, gid int) error {
	return r.on(act{"chown", name, true, r.mayChange, func(tree storage.FS, name string, _ *spot) error {
		return tree.Chown(name, uid, gid)
	}})
}

// HasDropBox reports whether there is a place where the user may write and not read.
func (u *User) HasDropBox() bool {
	rules := &u.now().config
	if rules.Access == config.AccessWriteOnly {
		return true
	}
	for _, rule := range rules.Paths {
		if rule.Access == config.AccessWriteOnly {
			return true
		}
	}
	return false
}
