package ftp

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// PassiveOptions are the properties of a PassivePool.
type PassiveOptions struct {
	// First and Last are the range of ports, both included. If both are zero
	// the system chooses a free port each time.
	First, Last uint16

	// ListenAddr is the local address to listen on. The zero value is all of
	// them, IPv4 and IPv6.
	ListenAddr netip.Addr

	// Address returns the address that a PASV reply tells the client on c,
	// which has to be an IPv4 address; IPv6 clients use EPSV, which tells
	// only a port. When nil, it is the local address of the control
	// connection. An error is logged and answered 425.
	Address func(ctx context.Context, c *Conn) (netip.Addr, error)

	// ToldPort maps ports listened on to the ports that clients are told,
	// where they differ. A port that is not in it is told as it is.
	ToldPort map[uint16]uint16

	// Peer says who may connect.
	Peer PeerCheck

	// Settle is for where data connections may come by another way than the
	// control connection did, and the ways learn of a new server one after the
	// other. No port is told until so much time has passed since the server's
	// first control connection, which shows that the first way knows of it.
	Settle time.Duration

	// WrapListener may wrap the listener of a port, for example to read PROXY
	// protocol headers. RemoteAddr of the connections that a wrapped listener
	// accepts may block. When nil, connections are *net.TCPConn.
	WrapListener func(net.Listener) net.Listener
}

// A PeerCheck says how the server knows that a passive data connection comes
// from the client that asked for it.
type PeerCheck int

const (
	// PeerAddress wants the address of the control connection. Clients of
	// different addresses share a port at the same time.
	PeerAddress PeerCheck = iota
	// PeerTLSSession wants a protected data connection to resume the TLS
	// session of the control connection, and ignores its address: for where
	// addresses are rewritten on the way. A port then awaits one client at a
	// time. Data connections without TLS are checked by address still, since
	// nothing else tells whose they are.
	PeerTLSSession
	// PeerAny takes the first connection, whoever makes it: for where addresses
	// are rewritten on the way, and clients without TLS or without session
	// resumption must be served all the same. Data can be stolen or forged by
	// whoever connects first. A port then awaits one client at a time.
	PeerAny
)

// PassiveStats is a snapshot of a pool, with counters since its creation.
type PassiveStats struct {
	Ports     int // in the range; 0 if the system chooses
	Open      int // listened on now
	Awaited   int // data connections awaited now
	Queued    int // commands waiting for a free port now
	Granted   uint64
	Arrived   uint64 // data connections handed to their session
	Strays    uint64 // connections closed because nobody awaited them
	Expired   uint64 // data connections that never came
	Exhausted uint64 // commands answered 425 because no port became free
}
