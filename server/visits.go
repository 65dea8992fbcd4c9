package server

import (
	"net/netip"
	"sync"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/users"
)

// visits are the connections of a protocol that were admitted.
type visits[C comparable] struct {
	users *users.Directory
	begin func(c C) *audit.Session
	conns sync.Map // C to *visitor
}

// A visitor is a connection.
type visitor struct {
	visit *users.Visit
	trail *audit.Session
}

// admit counts a connection from the address. End ends it at once.
func (v *visits[C]) admit(c C, addr netip.Addr, end func()) error {
	trail := v.begin(c)
	visit, err := v.users.Admit(addr, end)
	if err != nil {
		trail.Denied(audit.TooManySessions, err.Error())
		return err
	}
	v.conns.Store(c, &visitor{visit, trail})
	return nil
}

// of returns what is known of a connection. Of one that has left there is still a trail, for
// a transfer that the volume has kept from ending.
func (v *visits[C]) of(c C) *visitor {
	if known, ok := v.conns.Load(c); ok {
		return known.(*visitor) //nolint:forcetypeassert // nothing else is stored
	}
	return &visitor{trail: v.begin(c)}
}

// transferred tells of a transfer that has ended.
func (v *visits[C]) transferred(c C, t audit.Transfer) {
	v.of(c).trail.Transfer(t)
	if t.Event == audit.Upload && t.Err == nil {
		v.users.Uploaded(t.User)
	}
}

// leave says that a connection has ended.
func (v *visits[C]) leave(c C) {
	v.of(c).visit.Leave()
	v.conns.Delete(c)
}
