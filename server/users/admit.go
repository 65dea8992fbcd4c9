package users

import (
	"cmp"
	"errors"
	"net/netip"
	"time"
)

// Why a connection is refused.
var (
	ErrFull        = errors.New("too many sessions")
	ErrAddressFull = errors.New("too many sessions from this address")
)

const (
	// defaultMaxBeforeLogin is config.Sessions.MaxBeforeLogin.
	defaultMaxBeforeLogin = 256

	// memoryOfSession is how much of the memory limit a session is reckoned to
	// need, where sessions.max is not set.
	memoryOfSession = 256 << 10
)

// A Visit is a connection that was admitted. It counts as one before login
// until [Directory.Begin] has begun a session on it, and again when that has ended.
type Visit struct {
	dir  *Directory
	addr netip.Addr
	end  func()

	// guarded by dir.mu
	since    time.Time // before login
	sessions int
	gone     bool
}

// Admit counts a connection before anybody has logged in. Connections of all
// protocols count together. Evict ends the connection at once, without a word
// and without waiting; it is called, from another goroutine, when the connection
// is still not logged in and has to make room: beyond sessions.maxBeforeLogin,
// the oldest of the address that has the most goes. So those who never log in
// push out each other, and neither users nor somebody new.
//
// It is refused with [ErrFull] if as many are logged in as may be, and with
// [ErrAddressFull] if its address has as many connections, logged in or not, as
// sessions.maxPerAddress says. IPv6 counts by its /64. A visit that was
// admitted is to be ended with [Visit.Leave].
func (d *Directory) Admit(addr netip.Addr, evict func()) (*Visit, error) {
	v := &Visit{dir: d, addr: block(addr).Addr(), end: evict}
	d.mu.Lock()
	switch l := d.limits; {
	case d.full():
		d.mu.Unlock()
		return nil, ErrFull
	case l.MaxPerAddress > 0 && d.byAddr[v.addr] >= l.MaxPerAddress:
		d.mu.Unlock()
		return nil, ErrAddressFull
	}
	d.byAddr[v.addr]++
	evicted := v.wait()
	d.mu.Unlock()
	evicted.evict()
	return v, nil
}

// full reports whether as many sessions are logged in as may be.
func (d *Directory) full() bool {
	limit := d.most()
	return limit > 0 && len(d.sessions) >= limit
}

// most is how many sessions may be logged in, or 0 without a limit. The caller has d.mu.
func (d *Directory) most() int {
	if d.limits.Max == 0 && d.memory > 0 {
		return int(max(d.memory/memoryOfSession, 16))
	}
	return d.limits.Max
}

// Room returns how many sessions are logged in, and how many may be: 0 without a limit.
func (d *Directory) Room() (sessions, limit int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.sessions), d.most()
}

// wait counts the visit as one before login, and returns one that has to make
// room, or nil. The caller has d.mu.
func (v *Visit) wait() *Visit {
	d := v.dir
	evicted := d.crowd()
	v.since = d.now()
	d.before[v] = struct{}{}
	if evicted != nil {
		evicted.gone = true
		delete(d.before, evicted)
	}
	return evicted
}

// crowd returns the visit that goes for another one to come: the oldest of the
// address that has the most. It is nil if there is room.
func (d *Directory) crowd() *Visit {
	if len(d.before) < cmp.Or(d.limits.MaxBeforeLogin, defaultMaxBeforeLogin) {
		return nil
	}
	count := map[netip.Addr]int{}
	for v := range d.before {
		count[v.addr]++
	}
	var worst *Visit
	for v := range d.before {
		switch {
		case worst == nil || count[v.addr] > count[worst.addr]:
			worst = v
		case count[v.addr] == count[worst.addr] && v.since.Before(worst.since):
			worst = v
		}
	}
	return worst
}

func (v *Visit) evict() {
	if v != nil && v.end != nil {
		v.end()
	}
}

// loggedIn notes that a session has begun. The caller has dir.mu.
func (v *Visit) loggedIn() {
	if v == nil {
		return
	}
	v.sessions++
	delete(v.dir.before, v)
}

// loggedOut notes that a session has ended, and returns another visit that has
// to make room. The caller has dir.mu.
func (v *Visit) loggedOut() *Visit {
	if v == nil {
		return nil
	}
	if v.sessions--; v.sessions > 0 || v.gone {
		return nil
	}
	return v.wait()
}

// Leave says that the connection has ended. It may be called more than once.
func (v *Visit) Leave() {
	if v == nil {
		return
	}
	d := v.dir
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.before, v)
	if v.addr.IsValid() {
		if d.byAddr[v.addr]--; d.byAddr[v.addr] <= 0 {
			delete(d.byAddr, v.addr)
		}
	}
	v.gone, v.addr = true, netip.Addr{}
}
