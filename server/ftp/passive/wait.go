package passive

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// A Wait is one connection that is awaited.
type Wait struct {
	claimant
	port *port
	// advertised is the port that the client connects to.
	advertised uint16
	several    bool           // see Request.Several
	came       chan net.Conn  // one connection, or several
	later      func(net.Conn) // see Later; guarded by pool.mu
	only       netip.Addr     // see Only; guarded by pool.mu
	expired    chan struct{}  // closed when nothing came in time
	since      time.Time      // when it was granted
	deadline   time.Time      // for what has to come; guarded by pool.mu
	over       bool           // it is not in port.waits any more; guarded by pool.mu
}

// candidates is how many of several connections are kept at a time.
const candidates = 8

func newWait(p *port, r *Request) *Wait {
	w := &Wait{
		port: p, claimant: r.claimant(), several: r.Several, advertised: p.pool.opts.advertised(p.num),
		came: make(chan net.Conn, 1), expired: make(chan struct{}), since: time.Now(), deadline: after(r.Timeout),
	}
	if w.several {
		w.came = make(chan net.Conn, candidates)
	}
	return w
}

// after returns when a time is over, which begins now; not within a century if it
// is zero or less.
func after(d time.Duration) time.Time {
	if d <= 0 {
		d = 100 * 365 * 24 * time.Hour
	}
	return time.Now().Add(d)
}

// Port returns the port that the client has to connect to.
func (w *Wait) Port() uint16 { return w.advertised }

// Several is as it was requested.
func (w *Wait) Several() bool { return w.several }

// Next returns the next connection that comes. The time begins anew with each
// call: a client may well have taken some of it between PASV and the transfer.
// Its error is ErrExpired, or the cause for which ctx ended.
func (w *Wait) Next(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	w.port.pool.mu.Lock()
	// A sweep of the pool ends the time: a timer for each wait would wake a thread for
	// each file.
	w.deadline = after(timeout)
	taken := w.over && len(w.came) == 0
	w.port.pool.mu.Unlock()
	if taken {
		return nil, ErrExpired
	}
	select {
	case conn := <-w.came:
		return conn, nil
	case <-w.expired:
		select {
		case conn := <-w.came:
			return conn, nil
		default:
			return nil, ErrExpired
		}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Only has no connections taken but those from one address.
func (w *Wait) Only(from netip.Addr) {
	w.port.pool.mu.Lock()
	defer w.port.pool.mu.Unlock()
	w.only = from
	for range len(w.came) {
		if conn := <-w.came; conns.AddrPort(conn.RemoteAddr()).Addr() == from {
			w.came <- conn
		} else {
			conn.Close()
		}
	}
}

// Later has f called with those of several connections that Next has not returned: with
// what has come at once, and with each that comes until Arrived. The pool is locked
// meanwhile, so f must not call it, and must not wait.
func (w *Wait) Later(f func(net.Conn)) {
	w.port.pool.mu.Lock()
	defer w.port.pool.mu.Unlock()
	w.later = f
	for {
		select {
		case conn := <-w.came:
			f(conn)
		default:
			return
		}
	}
}

// Arrived says that the right one of several connections has come: the port is
// not needed any more.
func (w *Wait) Arrived() {
	pool := w.port.pool
	pool.mu.Lock()
	defer pool.mu.Unlock()
	if !w.over {
		pool.stats.Arrived++
		w.release()
	}
}

// Close gives the port back and closes connections that were not taken.
func (w *Wait) Close() {
	pool := w.port.pool
	pool.mu.Lock()
	w.release()
	pool.mu.Unlock()
	for {
		select {
		case conn := <-w.came:
			conn.Close()
		default:
			return
		}
	}
}

// deliver hands a connection over. Of several, the newest pushes out the oldest: those that
// are here for nothing come early and stay. With pool.mu held.
func (w *Wait) deliver(conn net.Conn) {
	if w.later != nil {
		w.later(conn)
		return
	}
	for {
		select {
		case w.came <- conn:
			if !w.several {
				w.port.pool.stats.Arrived++
				w.release()
			}
			return
		default:
		}
		select {
		case oldest := <-w.came:
			w.port.pool.stats.Strays++
			oldest.Close()
		default: // it was taken just now
		}
	}
}

// expire ends a wait whose time is over. With pool.mu held.
func (w *Wait) expire() {
	close(w.expired)
	w.port.pool.stats.Expired++
	w.release()
}

// release stops waiting, and gives the place to who waits for one. With pool.mu
// held.
func (w *Wait) release() {
	if w.over {
		return
	}
	w.over = true
	p, pool := w.port, w.port.pool
	delete(p.waits, w.from)
	decrement(pool.awaited, w.from)
	decrement(pool.byUser, w.claimant)
	if len(p.waits) == 0 {
		if pool.spare++; p.outdated {
			p.close()
		}
	}
	pool.grantQueued()
	if len(p.waits) == 0 && pool.ports[p.num] == p {
		p.rest()
	}
}
