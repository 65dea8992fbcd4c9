package users

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Directory is all users. It is filled with [Directory.Set], as often as the
// configuration changes, and used by all protocols of a server at once.
type Directory struct {
	now    func() time.Time
	hashes *hashes
	bans   bans

	mu       sync.Mutex
	users    map[string]*User
	decoys   []string // hashes of the users
	limits   config.Sessions
	sessions map[*Session]struct{}
	admitted int                // connections
	byAddr   map[netip.Addr]int // of them
}

// NewDirectory returns a directory without users.
func NewDirectory() *Directory {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return &Directory{
		now:      time.Now,
		hashes:   newHashes(key),
		bans:     bans{now: time.Now},
		users:    map[string]*User{},
		sessions: map[*Session]struct{}{},
		byAddr:   map[netip.Addr]int{},
	}
}

// Set replaces the users and the limits. Sessions of users who are gone,
// suspended or expired, may not log in any more from where they are, or have
// another home, are done. All others go on, with the permissions and limits
// that their users have now.
//
// Users with something unusable, such as a key that is none, are set without
// it; the error says what that was.
func (d *Directory) Set(users *config.Users, limits config.Sessions) error {
	d.bans.set(limits.Ban)
	d.mu.Lock()
	defer d.mu.Unlock()
	byName := make(map[string]*User, len(users.Users))
	decoys := map[string]struct{}{}
	var problems []error
	for i := range users.Users {
		u, err := newUser(&users.Users[i], d.users[users.Users[i].Name])
		if err != nil {
			problems = append(problems, fmt.Errorf("user %q: %w", u.Name(), err))
		}
		byName[u.Name()] = u
		if u.config.PasswordHash != "" {
			decoys[u.config.PasswordHash] = struct{}{}
		}
	}
	d.users, d.limits, d.decoys = byName, limits, slices.Sorted(maps.Keys(decoys))
	for _, u := range byName {
		u.newest.Store(u)
	}
	for s := range d.sessions {
		u := byName[s.attempt.User]
		if u == nil || u.Home() != s.User.Home() || u.refuses(s.attempt, d.now()) != nil {
			s.finish()
			continue
		}
		s.expireAt(u.config.ExpiresAt, d.now())
	}
	return errors.Join(problems...)
}

// Len is the number of users.
func (d *Directory) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.users)
}

// find returns the user of that name, or nil.
func (d *Directory) find(name string) *User {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.users[name]
}

// Banned reports whether logins from the address are refused for now, after
// too many failures.
func (d *Directory) Banned(addr netip.Addr) bool { return d.bans.banned(addr) }
