package controllers

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// roster is what passes have found out about the users of a server. A pass looks again
// at those alone of whom something has changed, and applies the shards alone that
// these are in: there may be many thousands.
type roster struct {
	users  map[string]*userState // by the name of the FileServerUser
	byAge  []*userState          // the oldest first: they keep a name that others want too
	shards map[string]*shardState
	// used are the numbers of shards in which pods have the users, or will have.
	used []int
	// memory is how much hashes may use in a pod, by which they were judged.
	memory int64
	// whole is true if nothing has changed besides what the watches tell.
	whole bool
	// edited is true if what users name may have changed since that was forgotten
	// which nobody names any more.
	edited bool
	// mixed is true if users came, went or were renamed since byAge was sorted.
	mixed bool
}

func newRoster() *roster {
	return &roster{users: map[string]*userState{}, byAge: []*userState{}, shards: map[string]*shardState{}}
}

// begin begins a pass. It looks again at those of whom something failed.
func (r *roster) begin() {
	for _, u := range r.byAge {
		u.fresh = len(u.errs) > 0 || u.unstored
		if u.password != "" {
			u.password, u.credentials = "", corev1.Secret{}
		}
	}
}

// enter has a user looked at in this pass.
func (r *roster) enter(user *v1alpha1.FileServerUser) {
	u := r.users[user.Name]
	if u != nil && u.user.UID != user.UID {
		r.remove(user.Name) // one made anew inherits nothing
		u = nil
	}
	if u == nil {
		u = &userState{}
		r.users[user.Name], r.byAge, r.mixed = u, append(r.byAge, u), true
	}
	if login := user.LoginName(); login != u.login {
		if u.entry != nil {
			r.soil(u)
		}
		u.login, u.key, r.mixed = login, resources.ShardKeyOf(login), true
	}
	if u.user != nil && older(user.ResourceVersion, u.user.ResourceVersion) {
		user = u.user // as its status was written, which the cache has not seen yet
	}
	r.edited = r.edited || u.user == nil || u.user.Generation != user.Generation
	u.user, u.fresh = user, true
}

// remove takes a user out.
func (r *roster) remove(name string) {
	if u := r.users[name]; u != nil {
		if u.entry != nil {
			r.soil(u)
		}
		delete(r.users, name)
		u.gone, r.mixed, r.edited = true, true, true
	}
}

// soil has the shards that a user is in rendered again.
func (r *roster) soil(u *userState) {
	for _, s := range r.shards {
		s.dirty = s.dirty || s.number == u.key.In(s.of)
	}
}

// sort sorts the users by age, and finds out who has a name that an older one has.
// They are looked at in this pass too.
func (r *roster) sort() {
	if !r.mixed {
		return
	}
	r.byAge = slices.DeleteFunc(r.byAge, func(u *userState) bool { return u.gone })
	slices.SortFunc(r.byAge, func(a, b *userState) int { return byAge(a.user, b.user) })
	r.mixed = false
	holders := make(map[string]*userState, len(r.byAge))
	for _, u := range r.byAge {
		holder := ""
		if other := holders[u.login]; other != nil {
			holder = other.user.Name
		} else {
			holders[u.login] = u
		}
		if holder != u.holder {
			u.holder, u.fresh = holder, true
		}
	}
}

func byAge(a, b *v1alpha1.FileServerUser) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
}

// fresh are those who are looked at in this pass.
func (r *roster) fresh() (users []*userState) {
	for _, u := range r.byAge {
		if u.fresh {
			users = append(users, u)
		}
	}
	return users
}

// size is how much the accounts of all users take.
func (r *roster) size() (bytes int) {
	for _, u := range r.byAge {
		if u.entry != nil {
			bytes += u.entry.Size()
		}
	}
	return bytes
}

// shardState is what was applied of a shard.
type shardState struct {
	number, of int
	dirty      bool   // accounts in it have changed since
	touched    bool   // somebody may have changed the Secret since
	exists     bool   // there is a Secret
	version    string // its resource version
	content    string // hash of all that it holds
	users      int    // how many accounts that are
	all        bool   // they are all that belong there
	file       string // hash of what pods load of it; "" if it was never applied
	recent     []fileVersion
}

// fileVersion is a file that pods may have, by its hash: of each account, the hash of
// its entry.
type fileVersion struct {
	hash    string
	entries map[string]string
}

// How many versions of a shard are remembered. Pods load the newest within seconds.
const rememberedFiles = 8

// remember takes down what was applied.
func (s *shardState) remember(file string, users []*userState) {
	s.recent = slices.DeleteFunc(s.recent, func(v fileVersion) bool { return v.hash == file })
	v := fileVersion{file, make(map[string]string, len(users))}
	for _, u := range users {
		v.entries[u.login] = u.hash
	}
	s.recent = append(s.recent, v)
	if n := len(s.recent) - rememberedFiles; n > 0 {
		s.recent = slices.Delete(s.recent, 0, n)
	}
	s.file, s.users = file, len(users)
}

// had says whether a file has an account as it is now.
func (s *shardState) had(file string, u *userState) bool {
	for _, v := range s.recent {
		if v.hash == file {
			return v.entries[u.login] == u.hash
		}
	}
	return false
}

// have says whether all of the files have it.
func (s *shardState) have(u *userState) bool {
	return !slices.ContainsFunc(s.recent, func(v fileVersion) bool { return v.entries[u.login] != u.hash })
}

// shard is one of so many of the server's.
func (r *roster) shard(server string, number, of int) *shardState {
	name := resources.UsersName(server, number, of)
	s := r.shards[name]
	if s == nil {
		s = &shardState{number: number, of: of, dirty: true}
		r.shards[name] = s
	}
	return s
}

// found takes down a Secret with users, as it is: it is compared with what it should
// be.
func (s *shardState) found(secret *corev1.Secret) {
	s.exists, s.version = secret.ResourceVersion != "", secret.ResourceVersion
	s.dirty, s.touched = true, true
}
