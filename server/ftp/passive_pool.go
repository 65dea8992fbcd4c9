package ftp

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A PassivePool owns the ports of passive data connections. A port is taken
// only while a data connection is awaited on it, never during a transfer, and
// several clients of different addresses can be awaited on one port, so few
// ports serve many concurrent transfers. When none is free, commands wait for
// one for Limits.PortWait. A pool may be shared by several servers.
//
// Ports are listened on when they are needed first, and for a moment after
// they were needed last: a client that transfers many small files needs one
// again and again. On Linux, nothing looks at a connection that has come before
// the transfer starts, or a tenth of a second has passed.
type PassivePool struct {
	mu      sync.Mutex
	opts    PassiveOptions
	ports   map[uint16]*passivePort // those listened on
	awaited map[netip.Addr]int      // data connections, by client address
	queue   list.List               // of *portRequest, oldest first
	spare   int                     // ports on which nobody is awaited
	sweeper *time.Timer             // nil when no port is open
	stats   PassiveStats
	log     atomic.Pointer[slog.Logger] // of the server that uses the pool
}

// NewPassivePool returns a pool. It opens no port yet. It panics if Last is
// smaller than First.
func NewPassivePool(opts PassiveOptions) *PassivePool {
	p := &PassivePool{ports: map[uint16]*passivePort{}, awaited: map[netip.Addr]int{}}
	p.Update(opts)
	return p
}

// Update replaces the options. Data connections that are awaited already still
// arrive as they were told.
func (p *PassivePool) Update(opts PassiveOptions) {
	if opts.Last < opts.First {
		panic("ftp: passive range is reversed")
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
func (p *PassivePool) Stats() PassiveStats {
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

func (p *PassivePool) logger() *slog.Logger {
	if log := p.log.Load(); log != nil {
		return log
	}
	return noLogger
}

func (p *PassivePool) options() PassiveOptions {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opts
}

// size is the number of ports in the range, 0 if the system chooses.
func (o *PassiveOptions) size() int {
	if o.Last == 0 {
		return 0
	}
	return int(o.Last-o.First) + 1
}

// toldPort is what clients are told for a port.
func (o *PassiveOptions) toldPort(port uint16) uint16 {
	if told, ok := o.ToldPort[port]; ok {
		return told
	}
	return port
}

// A portRequest waits for a port.
type portRequest struct {
	from    netip.Addr // see passiveWait
	first   bool
	timeout time.Duration     // for the connection
	granted chan *passiveWait // once it is queued
}

// await reserves a port for a data connection from the given address, or from
// any if that is the zero value: then the port awaits nobody else, and gives
// all connections that come, or only the first one. If none is
// free it waits for one, which is what lets 200 clients behind one address
// share ten ports.
func (p *PassivePool) await(ctx context.Context, from netip.Addr, first bool, patience, timeout time.Duration) (*passiveWait, error) {
	request := &portRequest{from: from, first: first, timeout: timeout}
	p.mu.Lock()
	w, err := p.grant(request)
	if w == nil && err == nil {
		for _, port := range p.ports {
			port.poll() // what has come already keeps no port any more
		}
		w, err = p.grant(request)
	}
	if w != nil || err != nil {
		p.mu.Unlock()
		return w, err
	}
	request.granted = make(chan *passiveWait, 1)
	element := p.queue.PushBack(request)
	p.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case w := <-request.granted:
		return w, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case w := <-request.granted: // just now
		return w, nil
	default:
		p.queue.Remove(element)
		p.stats.Exhausted++
		return nil, errPortWait
	}
}

// grant reserves a port if one is free. With p.mu held.
func (p *PassivePool) grant(r *portRequest) (*passiveWait, error) {
	n := p.opts.size()
	if n == 0 {
		port, err := p.open(0)
		if err != nil {
			return nil, err
		}
		return port.add(r), nil
	}
	if p.awaited[r.from] >= n {
		return nil, nil
	}
	// One that is open already costs no system call.
	for _, port := range p.ports {
		if !port.outdated && port.free(r.from) {
			return port.add(r), nil
		}
	}
	var failed error
	tried := 0
	for i, start := 0, rand.IntN(n); i < n; i++ {
		num := p.opts.First + uint16((start+i)%n)
		port := p.ports[num]
		if port != nil {
			continue
		}
		var err error
		if port, err = p.open(num); err != nil {
			failed = err
			tried++
			continue
		}
		return port.add(r), nil
	}
	if tried == n {
		return nil, fmt.Errorf("opening a passive port: %w", failed)
	}
	return nil, nil
}

// grantNext gives a port on which something became free to who waits longest
// and can use it. With p.mu held.
func (p *PassivePool) grantNext(num uint16) {
	if num < p.opts.First || num > p.opts.Last {
		return // Update has changed the range
	}
	for e := p.queue.Front(); e != nil; {
		next := e.Next()
		request := e.Value.(*portRequest)
		port := p.ports[num]
		if port != nil && port.outdated {
			if len(port.waits) > 0 {
				return
			}
			port.close()
			port = nil
		}
		if port == nil {
			var err error
			if port, err = p.open(num); err != nil {
				return
			}
		}
		if port.free(request.from) {
			p.queue.Remove(e)
			request.granted <- port.add(request)
			if !request.from.IsValid() {
				return
			}
		}
		e = next
	}
}

// passiveListen does without keep-alive probes (transfers have StallTimeout) and
// without multipath TCP: a port is opened for each small file, and the system
// calls for these are a good part of what that costs.
var passiveListen = func() *net.ListenConfig {
	lc := &net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	return lc
}()

// open listens on a port. With p.mu held.
func (p *PassivePool) open(num uint16) (*passivePort, error) {
	var host string
	if p.opts.ListenAddr.IsValid() && !p.opts.ListenAddr.IsUnspecified() {
		host = p.opts.ListenAddr.String()
	}
	tl, err := passiveListen.Listen(context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(int(num))))
	if err != nil {
		return nil, err
	}
	port := &passivePort{
		pool: p, num: uint16(tl.Addr().(*net.TCPAddr).Port),
		waits: map[netip.Addr]*passiveWait{},
	}
	if p.opts.WrapListener != nil {
		port.ln, port.wrapped = p.opts.WrapListener(tl), true
	} else if port.raw = unmanaged(tl); port.raw == nil {
		port.ln = tl
	}
	p.ports[port.num] = port
	p.spare++ // until add
	if port.ln != nil {
		go port.serve(port.ln)
	}
	p.sweepLater()
	return port, nil
}

const (
	maxSpare  = 16          // ports that stay open although nobody is awaited
	spareTime = time.Second // and for how long
	sweepTime = 100 * time.Millisecond
)

// sweep ends waits whose time is over, closes strays, and ports that were not
// needed for a while.
func (p *PassivePool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweeper = nil
	now := time.Now()
	for _, port := range p.ports {
		port.poll()
		for _, w := range port.waits {
			if now.After(w.deadline) {
				w.expire()
			}
		}
		if len(port.waits) == 0 && now.Sub(port.unused) >= spareTime && p.ports[port.num] == port {
			port.close()
		}
	}
	p.sweepLater()
}

func (p *PassivePool) sweepLater() {
	if len(p.ports) > 0 && p.sweeper == nil {
		p.sweeper = time.AfterFunc(sweepTime, p.sweep)
	}
}
