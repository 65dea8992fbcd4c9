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
	from netip.Addr // whose connection is taken; zero: anybody's
	told uint16
	// first is whether the first connection is the right one: always, if from
	// says whose.
	first bool
	// conns receives the connection; or several, out of which TLS tells the
	// right one.
	conns   chan net.Conn
	expired chan struct{} // closed when nothing came in time
	timer   *time.Timer
	over    bool // it is not in port.waits any more; guarded by pool.mu
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
func (p *passivePort) add(from netip.Addr, first bool) *passiveWait {
	w := &passiveWait{port: p, from: from, first: first, told: p.pool.opts.toldPort(p.num), expired: make(chan struct{})}
	if first {
		w.conns = make(chan net.Conn, 1)
	} else {
		w.conns = make(chan net.Conn, candidates)
	}
	if len(p.waits) == 0 {
		p.pool.spare--
	}
	p.waits[from] = w
	p.pool.awaited[from]++
	p.pool.stats.Granted++
	return w
}

// serve accepts connections until nobody awaits one.
func (p *passivePort) serve() {
	for {
		conn, err := p.ln.Accept()
		switch {
		case err == nil && p.wrapped:
			go p.deliver(conn)
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

// deliver hands a connection to who awaits it. Anything else is a stray, and
// is closed while the wait goes on.
func (p *passivePort) deliver(conn net.Conn) {
	from := addrPort(conn.RemoteAddr()).Addr()
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	w := p.waits[from]
	if w == nil {
		w = p.waits[netip.Addr{}]
	}
	if w == nil {
		p.pool.stats.Strays++
		conn.Close()
		return
	}
	select {
	case w.conns <- conn:
		if w.first {
			p.pool.stats.Arrived++
			w.release()
		}
	default:
		p.pool.stats.Strays++
		conn.Close()
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
	if len(p.waits) == 0 {
		pool.spare++
	}
	pool.grantNext(p.num)
	if len(p.waits) > 0 || pool.ports[p.num] != p {
		return
	}
	if p.outdated || pool.opts.size() == 0 || pool.spare > maxSpare {
		p.close()
		return
	}
	p.unused = time.Now()
	pool.sweepLater()
}

// close stops listening on a port on which nobody is awaited. With pool.mu
// held.
func (p *passivePort) close() {
	delete(p.pool.ports, p.num)
	p.pool.spare--
	p.ln.Close()
}

// start starts the time within which the connection has to come.
func (w *passiveWait) start(timeout time.Duration) *passiveWait {
	if w != nil {
		w.timer = time.AfterFunc(orForever(timeout), w.expire)
	}
	return w
}

func (w *passiveWait) expire() {
	pool := w.port.pool
	pool.mu.Lock()
	defer pool.mu.Unlock()
	select {
	case <-w.expired:
		return
	default:
		close(w.expired)
	}
	if !w.over {
		pool.stats.Expired++
		w.release()
	}
}

func (w *passiveWait) passive() bool { return true }

// next returns the next connection that comes. The time begins anew with each
// call: a client may well have taken some of it between PASV and the transfer.
func (w *passiveWait) next(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	w.timer.Reset(orForever(timeout))
	defer w.timer.Stop()
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
	w.timer.Stop()
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
