package users

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// done is what a user has done since the directory was made.
type done struct{ login, upload time.Time }

// Uploaded notes that an upload of a user is complete.
func (d *Directory) Uploaded(user string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if did, ok := d.done[user]; ok {
		did.upload = d.now()
		d.done[user] = did
	}
}

// loggedIn notes that a session of a user has begun. The caller has d.mu.
func (d *Directory) loggedIn(user string) {
	did := d.done[user]
	did.login = d.now()
	d.done[user] = did
}

// Activity is what users have done who have an account still, in the order of their names.
func (d *Directory) Activity() config.Activity {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.done, func(user string, _ done) bool { return d.shards.user(user) == nil && d.byUser[user] == 0 })
	a := config.Activity{Users: make([]config.UserActivity, 0, len(d.done))}
	for user, did := range d.done {
		a.Users = append(a.Users, config.UserActivity{
			Name: user, LastLogin: did.login.UTC(), LastUpload: did.upload.UTC(), Sessions: d.byUser[user],
		})
	}
	slices.SortFunc(a.Users, func(x, y config.UserActivity) int { return cmp.Compare(x.Name, y.Name) })
	return a
}
