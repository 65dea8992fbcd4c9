package conns

import (
	"net"
	"net/netip"
)

// Direction is where data flows.
type Direction int

const (
	// Download is from the server to the client.
	Download Direction = iota
	// Upload is from the client to the server.
	Upload
)

func (d Direction) String() string {
	if d == Upload {
		return "upload"
	}
	return "download"
}

// An Ending is why the server ends a connection without the client having asked.
// It is an error.
type Ending struct {
	// Reason is one word or two, for logs and metrics.
	Reason string
	// Text is for the client. It is not told if there is none.
	Text string
}

func (e *Ending) Error() string { return e.Reason }

// AddrPort returns an address as prefixes have it: without a zone, and an IPv4
// address as one, not as a part of IPv6. It is the zero value if there is none.
func AddrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case nil:
	case *net.TCPAddr:
		ap = a.AddrPort()
	default:
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
