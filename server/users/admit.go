package users

import (
	"errors"
	"net/netip"
)

// Why a connection is refused.
var (
	ErrFull        = errors.New("too many sessions")
	ErrAddressFull = errors.New("too many sessions from this address")
)

// Admit counts a connection, before anybody has logged in, and refuses it with
// [ErrFull] or [ErrAddressFull] beyond the limits of the server. Connections of
// all protocols count together. One that was admitted is to be given back with
// [Directory.Leave].
func (d *Directory) Admit(addr netip.Addr) error {
	addr = addr.Unmap()
	d.mu.Lock()
	defer d.mu.Unlock()
	switch l := d.limits; {
	case l.Max > 0 && d.admitted >= l.Max:
		return ErrFull
	case l.MaxPerAddress > 0 && d.byAddr[addr] >= l.MaxPerAddress:
		return ErrAddressFull
	}
	d.admitted++
	d.byAddr[addr]++
	return nil
}

// Leave says that a connection that was admitted has ended.
func (d *Directory) Leave(addr netip.Addr) {
	addr = addr.Unmap()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.admitted--
	if d.byAddr[addr]--; d.byAddr[addr] <= 0 {
		delete(d.byAddr, addr)
	}
}
