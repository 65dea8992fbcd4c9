package users

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
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
	memory int64 // of the process; 0: not known

	setting sync.Mutex // held by Set

	mu          sync.Mutex
	shards      shards
	authorities map[string]struct{} // that sign certificates of users
	limits      config.Sessions
	sessions    map[*Session]struct{}
	lastSession uint64
	byUser      map[string]int      // sessions
	done        map[string]done     // by users
	before      map[*Visit]struct{} // connections that are not logged in
	byAddr      map[netip.Addr]int  // all connections
}

// NewDirectory returns a directory without users. Memory is how many bytes the
// process may use, or 0 if that is not known. From it follow how much
// passwords may use whose hashes need much (a quarter; 128 MiB by default) and,
// unless the configuration has a limit, how many sessions there may be at once
// (one for each 256 KiB, which is 2048 with 512 MiB; no limit by default).
func NewDirectory(memory int64) *Directory {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return &Directory{
		now:      time.Now,
		hashes:   newHashes(key, memory),
		bans:     bans{now: time.Now},
		memory:   memory,
		sessions: map[*Session]struct{}{},
		byUser:   map[string]int{},
		done:     map[string]done{},
		before:   map[*Visit]struct{}{},
		byAddr:   map[netip.Addr]int{},
	}
}

// Set replaces the users and the limits. Sessions of users who are gone,
// suspended or expired, may not log in any more from where they are, have
// another home, or have lost the credential with which the session began, are
// done. All others go on, with the permissions and limits that their users have
// now.
//
// A shard with the hash of one that was set last is taken to be that one, and costs
// nothing. Users with something unusable, such as a key that is none, are set without
// it; what that was is returned.
func (d *Directory) Set(shards []config.Shard, limits config.Sessions) (leftOut []config.LeftOut) {
	d.setting.Lock()
	defer d.setting.Unlock()
	d.bans.set(limits.Ban)
	d.mu.Lock()
	before := d.shards
	d.mu.Unlock()
	// Keys take long to parse. Nobody waits for it.
	var after, changed []*shard
	for i := range shards {
		s := before.same(&shards[i])
		if s == nil {
			s = newShard(&shards[i], before, d.hashes)
			changed = append(changed, s)
		}
		after = append(after, s)
		leftOut = append(leftOut, s.leftOut...)
	}

	d.mu.Lock()
	defer d.mu.Unlock()
	d.shards, d.limits = after, limits
	for _, s := range changed {
		for _, u := range s.users {
			u.newest.Store(u)
		}
	}
	d.review()
	return leftOut
}

// SetAuthorities replaces the authorities whose certificates are accepted:
// public keys, in SSH's wire format. Sessions that began with a certificate of
// one that is gone are done.
func (d *Directory) SetAuthorities(keys [][]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.authorities = map[string]struct{}{}
	for _, key := range keys {
		d.authorities[string(key)] = struct{}{}
	}
	d.review()
}

// review ends the sessions that do not stand any more. The caller has d.mu.
func (d *Directory) review() {
	now := d.now()
	for s := range d.sessions {
		s.review(now)
	}
}

func (d *Directory) trusts(authority string) bool {
	_, ok := d.authorities[authority]
	return ok
}

// Len is the number of users.
func (d *Directory) Len() (users int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.shards {
		users += len(s.users)
	}
	return users
}

// find returns the user of that name, or nil.
func (d *Directory) find(name string) *User {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shards.user(name)
}

// decoy returns a hash to verify against where a user has none: that of one of
// the users, since hashes differ in cost, and always the same for a name.
func (d *Directory) decoy(name string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := d.hashes.mac("", name)
	return d.shards.decoy(binary.BigEndian.Uint64(sum[:]))
}

// Banned reports whether logins from the address are refused for now, after
// too many failures.
func (d *Directory) Banned(addr netip.Addr) bool { return d.bans.banned(addr) }
