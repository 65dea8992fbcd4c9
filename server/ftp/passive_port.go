package ftp

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// A passivePort is a port that is listened on. The pool's mutex guards what may
// change.
type passivePort struct {
	pool     *PassivePool
	ln       net.Listener
	num      uint16
	wrapped  bool                        // RemoteAddr of its connections may block
	outdated bool                        // the options have changed since it was opened
	waits    map[netip.Addr]*passiveWait // by whom they are for
	unused   time.Time                   // since when there are none
}

// A passiveWait is one data connection that is awaited. It is a dataSource.
type passiveWait struct {
	port *passivePort
	// waiter says whose connection is taken: anybody's, if its address is zero.
	waiter
	told uint16
	// first is whether the first connection is the right one: always, if from
	// says whose.
	first bool
	// conns receives the connection; or several, out of which TLS tells the
	// right one.
	conns    chan net.Conn
	expired  chan struct{} // closed when nothing came in time
	since    time.Time     // when it was granted
	deadline time.Time     // for what has to come; guarded by pool.mu
	over     bool          // it is not in port.waits any more; guarded by pool.mu
}

// candidates is how many connections from anywhere are looked at at a time.
const candidates = 8

// free reports whether a connection from an address may be awaited on the port
// too. With pool.mu held.
func (p *passivePort) free(from netip.Addr) bool {
	if len(p.waits) == 0 {
		return true
	}
	if !from.IsValid() {
		return false
	}
	return p.waits[from] == nil && p.waits[netip.Addr{}] == nil
}

// add awaits a connection. With pool.mu held.
func (p *passivePort) add(r *portRequest) *passiveWait {
	w := &passiveWait{
		port: p, waiter: r.waiter(), first: r.first, told: p.pool.opts.toldPort(p.num),
		expired: make(chan struct{}), since: time.Now(), deadline: time.Now().Add(orForever(r.timeout)),
	}
	if r.first {
		w.conns = make(chan net.Conn, 1)
	} else {
		w.conns = make(chan net.Conn, candidates)
	}
	if len(p.waits) == 0 {
		p.pool.spare--
	}
	p.waits[r.from] = w
	p.pool.awaited[r.from]++
	p.pool.byUser[w.waiter]++
	p.pool.stats.Granted++
	return w
}

// serve accepts connections until the listener is closed.
func (p *passivePort) serve(ln net.Listener) {
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

// deliverWrapped delivers a connection whose methods are not the engine's.
func (p *passivePort) deliverWrapped(conn net.Conn) {
	if !guard(p.pool.logger(), "a data connection", func() { p.deliver(conn) }) {
		conn.Close()
	}
}

// deliver hands a connection to who awaits it. Anything else is a stray, and
// is closed while the wait goes on.
func (p *passivePort) deliver(conn net.Conn) {
	from := addrPort(conn.RemoteAddr()).Addr()
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	if w := p.awaiting(from); w != nil {
		w.give(conn)
		return
	}
	p.pool.stats.Strays++
	conn.Close()
}

// awaiting returns who awaits a connection from an address, or nil. With pool.mu
// held.
func (p *passivePort) awaiting(from netip.Addr) *passiveWait {
	if w := p.waits[from]; w != nil {
		return w
	}
	return p.waits[netip.Addr{}]
}

// give hands a connection over. With pool.mu held.
func (w *passiveWait) give(conn net.Conn) {
	select {
	case w.conns <- conn:
		if w.first {
			w.port.pool.stats.Arrived++
			w.release()
		}
	default:
		// The newest pushes out the oldest: those that are here for nothing come
		// early and stay.
		select {
		case oldest := <-w.conns:
			oldest.Close()
		default:
		}
		w.port.pool.stats.Strays++
		select {
		case w.conns <- conn:
		default:
			conn.Close()
		}
	}
}

// release stops waiting, and closes the port if nobody else waits on it. With
// pool.mu held.
func (w *passiveWait) release() {
	if w.over {
		return
	}
	w.over = true
	p, pool := w.port, w.port.pool
	delete(p.waits, w.from)
	decrement(pool.awaited, w.from)
	decrement(pool.byUser, w.waiter)
	if len(p.waits) == 0 {
		pool.spare++
	}
	pool.freed(p.num)
}

// rest keeps a port on which nobody is awaited open for a while, or closes it. With
// pool.mu held.
func (p *passivePort) rest() {
	if p.outdated || p.pool.opts.size() == 0 || p.pool.spare > maxSpare {
		p.close()
		return
	}
	p.unused = time.Now()
	p.pool.sweepLater()
}

// close stops listening on a port on which nobody is awaited. With pool.mu
// held.
func (p *passivePort) close() {
	delete(p.pool.ports, p.num)
	p.pool.spare--
	p.ln.Close()
}

// begin begins the time within which the connection has to come. A sweep of the
// pool ends it: a timer for each wait would wake a thread for each file. It returns
// false if nothing will come, because what was awaited has been taken.
func (w *passiveWait) begin(timeout time.Duration) bool {
	w.port.pool.mu.Lock()
	defer w.port.pool.mu.Unlock()
	w.deadline = time.Now().Add(orForever(timeout))
	return !w.over || len(w.conns) > 0
}

// expire ends a wait whose time is over. With pool.mu held.
func (w *passiveWait) expire() {
	close(w.expired)
	w.port.pool.stats.Expired++
	w.release()
}

func (w *passiveWait) passive() bool { return true }

// next returns the next connection that comes. The time begins anew with each
// call: a client may well have taken some of it between PASV and the transfer.
func (w *passiveWait) next(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	if !w.begin(timeout) {
		return nil, errNoConnection
	}
	select {
	case conn := <-w.conns:
		return conn, nil
	case <-w.expired:
		select {
		case conn := <-w.conns:
			return conn, nil
		default:
			return nil, errNoConnection
		}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// arrived says that the right connection came, where it was not clear from the
// start.
func (w *passiveWait) arrived() {
	pool := w.port.pool
	pool.mu.Lock()
	defer pool.mu.Unlock()
	if !w.over {
		pool.stats.Arrived++
		w.release()
	}
}

// close gives the port back and drops connections that were not taken.
func (w *passiveWait) close() {
	pool := w.port.pool
	pool.mu.Lock()
	w.release()
	pool.mu.Unlock()
	for {
		select {
		case conn := <-w.conns:
			conn.Close()
		default:
			return
		}
	}
}
