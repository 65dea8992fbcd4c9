package conns

import (
	"sync/atomic"
	"time"
)

// Limits are the limits of a server, in a type L of its protocol: as they were
// given, and as they are in force, with defaults for what was not given.
type Limits[L any] struct {
	complete func(given L) (inForce L)
	current  atomic.Pointer[limits[L]]
}

type limits[L any] struct {
	given, inForce L
	replaced       chan struct{} // closed when there are others
}

// NewLimits returns limits. Complete returns, of some that were given, what is
// to be in force.
func NewLimits[L any](given L, complete func(given L) (inForce L)) *Limits[L] {
	l := &Limits[L]{complete: complete}
	l.Set(given)
	return l
}

// Set replaces the limits.
func (l *Limits[L]) Set(given L) {
	next := &limits[L]{given, l.complete(given), make(chan struct{})}
	if old := l.current.Swap(next); old != nil {
		close(old.replaced)
	}
}

// Replaced returns a channel that is closed when the limits are replaced.
func (l *Limits[L]) Replaced() <-chan struct{} { return l.current.Load().replaced }

// Own are the limits of one connection: those of the server, or what its
// session makes of them. The zero value is the first.
type Own[L any] struct {
	change atomic.Pointer[func(L) L]
	cached atomic.Pointer[ownLimits[L]]
}

type ownLimits[L any] struct {
	of      *limits[L]
	by      *func(L) L
	inForce L
}

// Change has the limits be what change makes of those that the server was
// given, now and whenever these are replaced. Nil ends that.
func (o *Own[L]) Change(change func(given L) L) {
	if change == nil {
		o.change.Store(nil)
		return
	}
	o.change.Store(&change)
}

// Of returns the limits that are in force for the connection.
func (o *Own[L]) Of(server *Limits[L]) *L {
	base, change := server.current.Load(), o.change.Load()
	if change == nil {
		return &base.inForce
	}
	own := o.cached.Load()
	if own == nil || own.of != base || own.by != change {
		own = &ownLimits[L]{base, change, server.complete((*change)(base.given))}
		o.cached.Store(own)
	}
	return &own.inForce
}

// Default completes one limit: zero becomes the default, and a negative one
// zero, which from there on means that there is no limit.
func Default[T int | int64 | time.Duration](v *T, byDefault T) {
	switch {
	case *v == 0:
		*v = byDefault
	case *v < 0:
		*v = 0
	}
}
