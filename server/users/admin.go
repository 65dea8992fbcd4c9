package users

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Sessions are those that are logged in, the oldest first.
func (d *Directory) Sessions() []config.Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]config.Session, 0, len(d.sessions))
	for s := range d.sessions {
		all = append(all, s.shown())
	}
	slices.SortFunc(all, func(a, b config.Session) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// shown is the session as administrators see it. The caller has dir.mu.
func (s *Session) shown() config.Session {
	return config.Session{ID: s.id, User: s.attempt.User, Protocol: s.attempt.Protocol, Remote: plain(s.attempt.Remote), Since: s.since}
}

// EndSessions ends those that match, at once: transfers are cut. It returns how many
// those are. Nothing keeps a user from logging in again.
func (d *Directory) EndSessions(match func(config.Session) bool) (count int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := range d.sessions {
		if match(s.shown()) {
			s.finish()
			count++
		}
	}
	return count
}

// Bans are those that are in force, the one that ends first before others.
func (d *Directory) Bans() []config.Banned { return d.bans.list() }

// Lift lifts the bans of addresses in a network, and returns how many those were.
// Failures of the addresses are counted anew.
func (d *Directory) Lift(network netip.Prefix) int { return d.bans.lift(network) }

func (b *bans) list() []config.Banned {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := []config.Banned{}
	now := b.now()
	for network, f := range b.addrs {
		if now.Before(f.banned) && !b.exempt(network.Addr()) {
			all = append(all, config.Banned{Network: network, Until: f.banned})
		}
	}
	slices.SortFunc(all, func(x, y config.Banned) int {
		return cmp.Or(x.Until.Compare(y.Until), x.Network.Addr().Compare(y.Network.Addr()))
	})
	return all
}

func (b *bans) lift(network netip.Prefix) (count int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for key, f := range b.addrs {
		if !key.Overlaps(network) {
			continue
		}
		if now.Before(f.banned) {
			count++
		}
		delete(b.addrs, key)
	}
	return count
}
