package passive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// A port is one that is listened on. The pool's mutex guards what may change.
type port struct {
	pool     *Pool
	ln       net.Listener
	num      uint16
	wrapped  bool                 // RemoteAddr of its connections may block
	outdated bool                 // the options have changed since it was opened
	waits    map[netip.Addr]*Wait // by Request.From
	unused   time.Time            // since when there are none
}

// grant reserves a port if one is free. With p.mu held.
func (p *Pool) grant(r *Request) (*Wait, error) {
	if p.opts.size() > 0 && p.full(r) {
		return nil, nil
	}
	port, err := p.find(r.From)
	if port == nil {
		return nil, err
	}
	return port.add(r), nil
}

// find returns a port on which a connection from an address can be awaited, or nil if
// there is none. One that is open already costs no system call to open it. With p.mu held.
func (p *Pool) find(from netip.Addr) (*port, error) {
	n := p.opts.size()
	if n == 0 {
		return p.open(0)
	}
	for _, port := range p.ports {
		if !port.outdated && port.free(from) {
			return port, nil
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
		if err == nil {
			return port, nil
		}
		failed = err
		tried++
	}
	if tried == n {
		return nil, fmt.Errorf("opening a passive port: %w", failed)
	}
	return nil, nil
}

// listenConfig does without keep-alive probes (transfers end when they stall) and
// without multipath TCP: a port is opened for each small file, and the system
// calls for these are a good part of what that costs.
var listenConfig = func() *net.ListenConfig {
	lc := &net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	return lc
}()

// open listens on a port. With p.mu held.
func (p *Pool) open(num uint16) (*port, error) {
	var host string
	if p.opts.ListenAddr.IsValid() && !p.opts.ListenAddr.IsUnspecified() {
		host = p.opts.ListenAddr.String()
	}
	ln, err := listenConfig.Listen(context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(int(num))))
	if err != nil {
		return nil, err
	}
	o := &port{pool: p, ln: ln, num: uint16(ln.Addr().(*net.TCPAddr).Port), waits: map[netip.Addr]*Wait{}}
	if wrap := p.opts.WrapListener; wrap != nil {
		if !conns.Guard(p.opts.Logger, "wrapping a listener", func() { o.ln, o.wrapped = wrap(ln), true }, nil) {
			ln.Close()
			return nil, errors.New("WrapListener panicked")
		}
	}
	p.ports[o.num] = o
	p.spare++ // until add
	go o.serve(o.ln)
	p.sweepLater()
	return o, nil
}

// free reports whether a connection from an address may be awaited on the port
// too. With pool.mu held.
func (p *port) free(from netip.Addr) bool {
	if len(p.waits) == 0 {
		return true
	}
	if !from.IsValid() {
		return false
	}
	return p.waits[from] == nil && p.waits[netip.Addr{}] == nil
}

// add awaits a connection. With pool.mu held.
func (p *port) add(r *Request) *Wait {
	w := newWait(p, r)
	if len(p.waits) == 0 {
		p.pool.spare--
	}
	p.waits[r.From] = w
	p.pool.awaited[r.From]++
	p.pool.byUser[w.claimant]++
	p.pool.stats.Granted++
	return w
}

// serve accepts connections until the listener is closed.
func (p *port) serve(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil && p.wrapped:
			go p.deliverWrapped(conn)
		case err == nil:
			p.deliver(conn)
		default:
			if ne, ok := err.(net.Error); ok && ne.Temporary() {
				time.Sleep(10 * time.Millisecond) // out of descriptors; the wait has its own end
				continue
			}
			return
		}
	}
}

// deliverWrapped delivers a connection whose methods are those of somebody else.
func (p *port) deliverWrapped(conn net.Conn) {
	p.pool.mu.Lock()
	log := p.pool.opts.Logger
	p.pool.mu.Unlock()
	if !conns.Guard(log, "a data connection", func() { p.deliver(conn) }, nil) {
		conn.Close()
	}
}

// deliver hands a connection to who awaits it. Anything else is a stray, and
// is closed while the wait goes on.
func (p *port) deliver(conn net.Conn) {
	from := conns.AddrPort(conn.RemoteAddr()).Addr()
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	w := p.waits[from]
	if w == nil {
		w = p.waits[netip.Addr{}]
	}
	if w != nil && (!w.only.IsValid() || w.only == from) {
		w.deliver(conn)
		return
	}
	p.pool.stats.Strays++
	conn.Close()
}

// rest keeps a port on which nothing is awaited open for a while, or closes it.
// With pool.mu held.
func (p *port) rest() {
	if p.outdated || p.pool.opts.size() == 0 || p.pool.spare > maxSpare {
		p.close()
		return
	}
	p.unused = time.Now()
	p.pool.sweepLater()
}

// close stops listening on a port on which nothing is awaited. With pool.mu held.
func (p *port) close() {
	delete(p.pool.ports, p.num)
	p.pool.spare--
	p.ln.Close()
}

const (
	maxSpare  = 16          // ports that stay open although nothing is awaited
	spareTime = time.Second // and for how long
	sweepTime = 100 * time.Millisecond
)

// sweep ends waits whose time is over, and closes ports that were not needed for
// a while.
func (p *Pool) sweep() {
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

func (p *Pool) sweepLater() {
	if len(p.ports) > 0 && p.sweeper == nil {
		p.sweeper = time.AfterFunc(sweepTime, p.sweep)
	}
}
