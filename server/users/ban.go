package users

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

const (
	defaultBanWindow   = 10 * time.Minute
	defaultBanDuration = 10 * time.Minute

	// maxBanned bounds the memory that failures from many addresses take.
	maxBanned = 100_000
)

// bans remembers failed logins by address, IPv6 by its /64: whoever has one
// address of that has all.
type bans struct {
	now func() time.Time

	mu    sync.Mutex
	rule  config.Ban
	addrs map[netip.Prefix]*failures
}

type failures struct {
	count  int
	first  time.Time // of this window
	banned time.Time // until then
}

func (b *bans) set(rule config.Ban) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rule = rule
	if rule.Failures == 0 || b.addrs == nil {
		b.addrs = map[netip.Prefix]*failures{}
	}
}

// plain is an address as networks have it: without the zone, which names an
// interface of this machine, and IPv4 as such.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// block is what counts as one address.
func block(addr netip.Addr) netip.Prefix {
	addr = plain(addr)
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits)
	return p
}

func (b *bans) banned(addr netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.addrs[block(addr)]
	return f != nil && b.now().Before(f.banned) && !b.exempt(addr)
}

// exempt reports whether the address is of a network that is never banned.
func (b *bans) exempt(addr netip.Addr) bool {
	addr = plain(addr)
	return slices.ContainsFunc(b.rule.Exempt, func(n netip.Prefix) bool { return n.Contains(addr) })
}

func (b *bans) failed(addr netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rule.Failures == 0 || b.exempt(addr) {
		return
	}
	now, key := b.now(), block(addr)
	window := b.rule.Window.Or(defaultBanWindow)
	f := b.addrs[key]
	if f != nil && now.Before(f.banned) {
		return // it was asked before the ban, and must not make that longer
	}
	if f == nil || now.Sub(f.first) >= window {
		b.forget(now, window)
		f = &failures{first: now}
		b.addrs[key] = f
	}
	f.count++
	if f.count >= b.rule.Failures {
		f.count, f.first = 0, now
		f.banned = now.Add(b.rule.Duration.Or(defaultBanDuration))
	}
}

// forget makes room, if there is need of it.
func (b *bans) forget(now time.Time, window time.Duration) {
	if len(b.addrs) < maxBanned {
		return
	}
	for key, f := range b.addrs {
		if now.Sub(f.first) >= window && !now.Before(f.banned) {
			delete(b.addrs, key)
		}
	}
	// Room for many, since this looks at all; any of those that are not banned
	// first, as the map's order is random.
	for _, banned := range []bool{false, true} {
		for key, f := range b.addrs {
			if len(b.addrs) <= maxBanned*9/10 {
				return
			}
			if banned || !now.Before(f.banned) {
				delete(b.addrs, key)
			}
		}
	}
}
