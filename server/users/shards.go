package users

import (
	"maps"
	"slices"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// shards are all users. There are a few of them, however many users there are: who
// looks for a user looks into each.
type shards []*shard

// A shard is some of the users. It is made anew when one of them changes.
type shard struct {
	hash    string // of what it was made from; "": not known
	users   map[string]*User
	decoys  []string         // hashes of the users
	leftOut []config.LeftOut // what of the users is unusable
}

// newShard makes a shard. The accounts were in some shard before, if they were.
func newShard(from *config.Shard, before shards, h *hashes) *shard {
	s := &shard{hash: from.Hash, users: make(map[string]*User, len(from.Users))}
	decoys := map[string]struct{}{}
	for i := range from.Users {
		c := &from.Users[i]
		u := before.user(c.Name)
		if u == nil || !u.same(c) {
			u = newUser(c, u, h)
		}
		s.leftOut = append(s.leftOut, u.leftOut...)
		s.users[u.Name()] = u
		if u.config.PasswordHash != "" {
			decoys[u.config.PasswordHash] = struct{}{}
		}
	}
	s.decoys = slices.Sorted(maps.Keys(decoys))
	return s
}

// same is the shard that was made from just that, or nil.
func (s shards) same(from *config.Shard) *shard {
	for _, one := range s {
		if one.hash == from.Hash && from.Hash != "" {
			return one
		}
	}
	return nil
}

// user is the one of that name, or nil.
func (s shards) user(name string) *User {
	for _, one := range s {
		if u := one.users[name]; u != nil {
			return u
		}
	}
	return nil
}

// decoy is a hash of one of the users, the same for the same number; or the one that is
// for where no user has any.
func (s shards) decoy(number uint64) string {
	var count uint64
	for _, one := range s {
		count += uint64(len(one.decoys))
	}
	if count == 0 {
		return decoy
	}
	at := number % count
	for _, one := range s {
		if n := uint64(len(one.decoys)); at >= n {
			at -= n
			continue
		}
		return one.decoys[at]
	}
	return decoy
}
