package ftp

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
)

// A resumption is what is known of how a client resumes its TLS session on data
// connections. Once it has, its later ones have to: somebody else who connects first,
// from the same address, cannot.
//
// In TLS 1.3 some clients use each ticket once, and are given a new one on each
// connection but an upload's (see tickets). Who may have none left need not resume, as
// long as nobody else connects too.
type resumption struct {
	mu      sync.Mutex
	shown   bool
	again   bool // it has used a ticket twice
	ticket  bool // it was given one on its last data connection
	lastTwo [2]uint64
}

// wanted returns whether the client has resumed its session, and whether it can again
// for sure.
func (r *resumption) wanted() (shown, must bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown, r.shown && (r.again || r.ticket)
}

// note is called with each data connection of the client.
func (r *resumption) note(state *tls.ConnectionState, t *tickets, resumed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ticket = state.Version < tls.VersionTLS13 || !t.upload
	if !resumed {
		return
	}
	r.shown = true
	r.again = r.again || t.used == r.lastTwo[0] || t.used == r.lastTwo[1]
	r.lastTwo = [2]uint64{r.lastTwo[1], t.used}
}

// errUnproven is the end of a wait for a connection that resumes a session.
var errUnproven = &Error{425, "No data connection resumed the TLS session of the control connection"}

// silentTime is how long a candidate may keep silent where there are others.
const silentTime = 2 * time.Second

// A candidate is a connection that may be the client's.
type candidate struct {
	conn   net.Conn
	since  time.Time
	cancel context.CancelFunc
	proven bool // it has a ticket of the client's session
}

// candidates is how many connections are looked at at a time.
const candidates = 8

// A race is between the candidates for a data connection, each of which is handled by a
// goroutine of its own. Nobody but the client has a ticket of its session, which comes
// with the first thing that it says: whoever has not shown one makes room.
type race struct {
	conn   *Conn
	job    *job
	ctx    context.Context
	found  chan *move.Conn
	failed chan error
	only   bool // the first candidate is the only one
	must   bool // who wins has to have resumed the session, also if nobody else comes

	mu      sync.Mutex
	running []*candidate // the oldest first
	entered int
}

// openResumed takes the first connection that resumes the control connection's
// TLS session. Others are closed and the wait goes on, except that where a client need
// not resume, the only one that comes is taken.
func (c *Conn) openResumed(j *job, w passiveSource, must bool, timeout time.Duration) (*move.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(j.ctx, timeout, errUnproven)
	defer cancel()
	r := &race{conn: c, job: j, ctx: ctx, found: make(chan *move.Conn), failed: make(chan error, 1), only: !w.Several(), must: must}
	go func() {
		for {
			conn, err := w.next(ctx, orForever(0)) // ctx has the timeout
			if err != nil {
				r.failed <- err
				return
			}
			r.enter(conn)
			if r.only {
				return
			}
		}
	}()
	select {
	case d := <-r.found:
		w.Arrived()
		return d, j.attach(d.Raw())
	case err := <-r.failed:
		return nil, err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// enter has a connection take part, and the one leave that has to make room, if any.
func (r *race) enter(conn net.Conn) {
	ctx, cancel := context.WithCancel(r.ctx)
	entry := &candidate{conn: conn, since: time.Now(), cancel: cancel}
	r.mu.Lock()
	r.makeRoom()
	r.entered++
	r.running = append(r.running, entry)
	r.mu.Unlock()
	go r.run(ctx, entry)
}

// makeRoom ends who has been silent for too long, and the oldest of those that have
// shown nothing if there are too many. With r.mu held.
func (r *race) makeRoom() {
	var others []*candidate
	silent := 0
	for _, entry := range r.running {
		if !entry.proven && time.Since(entry.since) > silentTime {
			entry.cancel()
			continue
		}
		if !entry.proven {
			silent++
		}
		others = append(others, entry)
	}
	r.running = others
	for i, entry := range r.running {
		if silent < candidates {
			return
		}
		if !entry.proven {
			entry.cancel()
			r.running = append(r.running[:i:i], r.running[i+1:]...)
			return
		}
	}
}

// alone reports whether nobody else has come.
func (r *race) alone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.entered == 1
}

// run does the handshake of a candidate.
func (r *race) run(ctx context.Context, entry *candidate) {
	defer entry.cancel()
	c := r.conn
	t := c.dataTickets(r.job)
	t.must = r.must
	t.proven = func(l lineage) {
		proven := c.ownsLineage(l)
		r.mu.Lock()
		defer r.mu.Unlock()
		entry.proven = proven
	}
	var d *move.Conn
	err := error(errInternal)
	c.guard("a data connection", func() { d, err = c.dataTLS(ctx, entry.conn, t) })
	resumed := err == nil && d.TLS().DidResume && c.ownsLineage(t.offered)
	if err == nil && (resumed || !r.must && r.alone()) {
		c.resumes.note(d.TLS(), t, resumed)
		select {
		case r.found <- d:
			return
		case <-r.ctx.Done():
		}
	}
	entry.conn.Close()
	if r.only {
		r.failed <- errUnproven
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, other := range r.running {
		if other == entry {
			r.running = append(r.running[:i:i], r.running[i+1:]...)
		}
	}
}
