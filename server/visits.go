package server

import (
	"net/netip"
	"sync"

	"github.com/fileserver-dev/fileserver-operator/server/users"
)

// visits are the connections of a protocol that were admitted.
type visits[C comparable] struct {
	users *users.Directory
	conns sync.Map // C to *users.Visit
}

// admit counts a connection from the address. End ends it at once.
func (v *visits[C]) admit(c C, addr netip.Addr, end func()) error {
	visit, err := v.users.Admit(addr, end)
	if err == nil {
		v.conns.Store(c, visit)
	}
	return err
}

// of returns the visit of a connection, or nil.
func (v *visits[C]) of(c C) *users.Visit {
	visit, _ := v.conns.Load(c)
	known, _ := visit.(*users.Visit)
	return known
}

// leave says that a connection has ended.
func (v *visits[C]) leave(c C) {
	v.of(c).Leave()
	v.conns.Delete(c)
}
