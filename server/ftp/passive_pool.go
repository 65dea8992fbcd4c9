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
// again and again.
type PassivePool struct {
	mu      sync.Mutex
	opts    PassiveOptions
	ports   map[uint16]*passivePort // those listened on
	awaited map[netip.Addr]int      // data connections, by client address
	byUser  map[waiter]int          // data connections
	queue   list.List               // of *portRequest, oldest first
	loose   []uint16                // ports to look at, see freed
	sharing bool                    // freed is at it
	spare   int                     // ports on which nobody is awaited
	sweeper *time.Timer             // nil when no port is open
	stats   PassiveStats
	log     atomic.Pointer[slog.Logger] // of the server that uses the pool
}

// NewPassivePool returns a pool. It opens no port yet. It panics if Last is
// smaller than First.
func NewPassivePool(opts PassiveOptions) *PassivePool {
	p := &PassivePool{ports: map[uint16]*passivePort{}, awaited: map[netip.Addr]int{}, byUser: map[waiter]int{}}
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

// A portRequest is a command that needs a port.
type portRequest struct {
	from    netip.Addr // see passiveWait
	user    string
	first   bool
	timeout time.Duration // for the connection
	// queued returns a context that ends when there is no use in waiting any more.
	queued  func() (context.Context, context.CancelFunc)
	granted chan *passiveWait // once it is queued
}

// A waiter is whom ports are shared out to: a user, and where he comes from if that
// decides who else may use the same port.
type waiter struct {
	from netip.Addr
	user string
}

func (r *portRequest) waiter() waiter { return waiter{r.from, r.user} }

// await reserves a port for a data connection. If none is free it waits for one,
// which is what lets 200 clients behind one address share ten ports.
func (p *PassivePool) await(ctx context.Context, request *portRequest, patience time.Duration) (*passiveWait, error) {
	p.mu.Lock()
	w, err := p.grant(request)
	if w != nil || err != nil {
		p.mu.Unlock()
		return w, err
	}
	request.granted = make(chan *passiveWait, 1)
	element := p.queue.PushBack(request)
	p.mu.Unlock()

	if request.queued != nil {
		var cancel context.CancelFunc
		ctx, cancel = request.queued()
		defer cancel()
	}
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
	if ctx.Err() == nil && !request.from.IsValid() && p.full(request) {
		p.pushOut(request.waiter(), max(patience, time.Second))
	}
	select {
	case w := <-request.granted: // just now
		return w, nil
	default:
		p.queue.Remove(element)
		p.stats.Exhausted++
		return nil, errPortWait
	}
}

// pushOut ends the oldest wait of who has as many as are allowed where a port awaits one
// client, if its data connection has not come for as long as others wait for a port: it
// is not needed, most likely. With p.mu held.
func (p *PassivePool) pushOut(of waiter, idle time.Duration) {
	var oldest *passiveWait
	for _, port := range p.ports {
		if w := port.waits[of.from]; w != nil && w.waiter == of && (oldest == nil || w.since.Before(oldest.since)) {
			oldest = w
		}
	}
	if oldest != nil && time.Since(oldest.since) >= idle {
		oldest.expire()
	}
}

// full reports whether a request has to wait because those like it have all ports, or
// because its user has half of them already. With p.mu held.
func (p *PassivePool) full(r *portRequest) bool {
	n, least := p.opts.size(), 1
	if r.from.IsValid() {
		least = 2 // those who are kept waiting come from the same address
	}
	return p.awaited[r.from] >= n || p.byUser[r.waiter()] >= max(n/2, least)
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
	if p.full(r) {
		return nil, nil
	}
	// One that is open already costs no system call to open it.
	for _, port := range p.ports {
		if !port.outdated && port.free(r.from) {
			return port.add(r), nil
		}
	}
	var failed error
	tried := 0
	for i, start := 0, rand.IntN(n); i < n; i++ {
		num := p.opts.First + uint16((start+i)%n)
		if p.ports[num] != nil {
			continue
		}
		port, err := p.open(num)
		if err != nil {
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

// freed is called when something became free on a port: it goes to who waits for it.
// Meanwhile connections may come that free more, which is looked at afterwards. With
// p.mu held.
func (p *PassivePool) freed(num uint16) {
	p.loose = append(p.loose, num)
	if p.sharing {
		return
	}
	p.sharing = true
	defer func() { p.sharing = false }()
	for len(p.loose) > 0 {
		num := p.loose[0]
		p.loose = p.loose[1:]
		p.share(num)
		if port := p.ports[num]; port != nil && len(port.waits) == 0 {
			port.rest()
		}
	}
	p.loose = nil
}

// share gives a port to those that wait: to the one whose user has the least, and
// among these to the one that waits longest. With p.mu held.
func (p *PassivePool) share(num uint16) {
	if num < p.opts.First || num > p.opts.Last {
		return // Update has changed the range
	}
	for p.queue.Len() > 0 {
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
		next := p.nextFor(port)
		if next == nil {
			return
		}
		request := p.queue.Remove(next).(*portRequest)
		request.granted <- port.add(request)
	}
}

// nextFor returns who gets a port, or nil. With p.mu held.
func (p *PassivePool) nextFor(port *passivePort) (next *list.Element) {
	least := 0
	for e := p.queue.Front(); e != nil; e = e.Next() {
		r := e.Value.(*portRequest)
		if !port.free(r.from) || p.full(r) {
			continue
		}
		if n := p.byUser[r.waiter()]; next == nil || n < least {
			next, least = e, n
		}
	}
	return next
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
	if wrap := p.opts.WrapListener; wrap != nil {
		if !guard(p.logger(), "wrapping a listener", func() { port.ln, port.wrapped = wrap(tl), true }) {
			tl.Close()
			return nil, errInternal
		}
	} else {
		port.ln = tl
	}
	p.ports[port.num] = port
	p.spare++ // until add
	go port.serve(port.ln)
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
