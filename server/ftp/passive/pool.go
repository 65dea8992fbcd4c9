// Package passive shares out the ports of passive data connections. It knows
// nothing of FTP: whoever needs a connection says from which address it has to
// come, and for which user it is.
//
// A port is taken only while a connection is awaited on it, never during a
// transfer, and connections from different addresses can be awaited on one port
// at the same time: so few ports serve many transfers.
package passive

import (
	"container/list"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Why there is no connection.
var (
	// ErrExhausted means that no port became free in time.
	ErrExhausted = errors.New("no passive port became free")
	// ErrExpired means that no connection came in time, or that the only one
	// that was awaited has been taken.
	ErrExpired = errors.New("no passive connection came")
)

// Options are the properties of a Pool.
type Options struct {
	// First and Last are the range of ports, both included. If both are zero
	// the system chooses a free port each time.
	First, Last uint16

	// ListenAddr is the local address to listen on. The zero value is all of
	// them, IPv4 and IPv6.
	ListenAddr netip.Addr

	// Advertised maps ports listened on to the ports that clients connect to,
	// where they differ. A port that is not in it is advertised as it is.
	Advertised map[uint16]uint16

	// WrapListener may wrap the listener of a port, for example to read PROXY
	// protocol headers. RemoteAddr of the connections that a wrapped listener
	// accepts may block. When nil, connections are *net.TCPConn.
	WrapListener func(net.Listener) net.Listener

	// Logger is told of a panic in what WrapListener has returned. When nil,
	// nothing is logged.
	Logger *slog.Logger
}

// Stats is a snapshot of a pool, with counters since its creation.
type Stats struct {
	Ports     int // in the range; 0 if the system chooses
	Open      int // listened on now
	Awaited   int // connections awaited now
	Queued    int // requests that wait for a free port now
	Granted   uint64
	Arrived   uint64 // connections handed to who awaited them
	Strays    uint64 // connections closed because nobody awaited them
	Expired   uint64 // connections that never came
	Exhausted uint64 // requests for which no port became free
}

// A Pool owns a range of ports. It may be shared by several servers.
//
// Ports are listened on when they are needed first, and for a moment after
// they were needed last: a client that transfers many small files needs one
// again and again.
type Pool struct {
	mu      sync.Mutex
	opts    Options
	ports   map[uint16]*port   // those listened on
	awaited map[netip.Addr]int // connections, by Request.From
	byUser  map[claimant]int   // connections
	queue   list.List          // of *request, oldest first
	spare   int                // ports on which nothing is awaited
	sweeper *time.Timer        // nil when no port is open
	stats   Stats
}

// NewPool returns a pool. It opens no port yet. It panics if Last is smaller
// than First.
func NewPool(opts Options) *Pool {
	p := &Pool{ports: map[uint16]*port{}, awaited: map[netip.Addr]int{}, byUser: map[claimant]int{}}
	p.Update(opts)
	return p
}

// Update replaces the options. Connections that are awaited already still
// arrive as they were advertised.
func (p *Pool) Update(opts Options) {
	if opts.Last < opts.First {
		panic("passive: the range of ports is reversed")
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// Whether one wrapper does the same as another cannot be seen.
	all := opts.ListenAddr != p.opts.ListenAddr || opts.WrapListener != nil || p.opts.WrapListener != nil
	p.opts = opts
	for _, port := range p.ports {
		port.outdated = port.outdated || all || port.num < opts.First || port.num > opts.Last
		if port.outdated && len(port.waits) == 0 {
			port.close()
		}
	}
}

// Stats returns a snapshot.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	stats := p.stats
	stats.Ports = p.opts.size()
	stats.Open = len(p.ports)
	stats.Queued = p.queue.Len()
	for _, n := range p.awaited {
		stats.Awaited += n
	}
	return stats
}

// ListenAddr returns the address that the pool listens on, or the zero value if
// it listens on all.
func (p *Pool) ListenAddr() netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opts.ListenAddr.IsValid() && p.opts.ListenAddr.IsUnspecified() {
		return netip.Addr{}
	}
	return p.opts.ListenAddr
}

// size is the number of ports in the range, 0 if the system chooses.
func (o *Options) size() int {
	if o.Last == 0 {
		return 0
	}
	return int(o.Last-o.First) + 1
}

// advertised is the port that a client connects to.
func (o *Options) advertised(port uint16) uint16 {
	if a, ok := o.Advertised[port]; ok {
		return a
	}
	return port
}

func decrement[K comparable](m map[K]int, key K) {
	if m[key]--; m[key] <= 0 {
		delete(m, key)
	}
}
