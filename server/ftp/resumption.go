package ftp

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
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
	proven bool // it has a ticket of the client's session
}

// candidates is how many connections are looked at at a time.
const candidates = 8

// A race is between the candidates for a data connection. The goroutine of the transfer
// does the handshake of the first, which most often is the only one; each that comes
// meanwhile has a goroutine of its own. Nobody but the client has a ticket of its session,
// which comes with the first thing that it says: whoever has not shown one makes room.
type race struct {
	conn  *Conn
	job   *job
	ctx   context.Context // until it is decided
	found chan *move.Conn // by a goroutine of its own
	must  bool            // who wins has to have resumed the session, also if nobody else comes

	mu      sync.Mutex
	running []*candidate // the newest first
	entered int
	won     bool
}

// winner returns the first connection that resumes the control connection's TLS session.
// Others are closed and the wait goes on, except that where a client need not resume, the
// only one that comes is taken. First came first from src.
func (r *race) winner(first net.Conn, src dataSource, timeout time.Duration) (*move.Conn, error) {
	late := errNoConnection
	if r.must {
		late = errUnproven
	}
	ctx, cancel := context.WithTimeoutCause(r.job.ctx, timeout, late)
	defer cancel()
	r.ctx, r.found = ctx, make(chan *move.Conn)
	entry := r.enter(first)
	if src.Several() {
		src.Later(func(conn net.Conn) { go r.run(r.enter(conn)) })
	}
	d, err := r.prove(entry)
	switch {
	case d != nil:
		return d, nil
	case !src.Several() && ctx.Err() == nil:
		return nil, err
	}
	select {
	case d := <-r.found:
		return d, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// enter has a connection take part. To make room, those end that have shown nothing, if
// they have been silent for too long or there are too many of them.
func (r *race) enter(conn net.Conn) *candidate {
	entry := &candidate{conn: conn, since: time.Now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	silent := 1
	r.end(func(other *candidate) bool {
		if other.proven {
			return false
		}
		silent++
		return silent > candidates || time.Since(other.since) > silentTime
	})
	r.entered++
	r.running = slices.Insert(r.running, 0, entry)
	return entry
}

// end closes the connections of those who leave the race. With r.mu held.
func (r *race) end(leaves func(*candidate) bool) {
	r.running = slices.DeleteFunc(r.running, func(entry *candidate) bool {
		leaves := leaves(entry)
		if leaves {
			go entry.conn.Close()
		}
		return leaves
	})
}

// prove does the handshake of a candidate, and closes its connection unless it wins.
func (r *race) prove(entry *candidate) (*move.Conn, error) {
	c := r.conn
	t := c.dataTickets(r.job, r.must)
	t.proven = func(l lineage) {
		proven := c.ownsLineage(l)
		r.mu.Lock()
		defer r.mu.Unlock()
		entry.proven = proven
	}
	var d *move.Conn
	resumed, err := false, error(errInternal)
	c.guard("a data connection", func() { d, resumed, err = c.dataTLS(r.ctx, entry.conn, t) })
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && !r.won && (resumed || !r.must && r.entered == 1) {
		r.won = true
		c.resumes.note(d.TLS(), t, resumed)
		r.end(func(other *candidate) bool { return other != entry })
		return d, nil
	}
	r.end(func(other *candidate) bool { return other == entry })
	if r.must || err == nil {
		err = errUnproven
	}
	return nil, err
}

// run is the goroutine of a candidate that is not the first.
func (r *race) run(entry *candidate) {
	d, _ := r.prove(entry)
	if d == nil {
		return
	}
	select {
	case r.found <- d:
	case <-r.ctx.Done():
		d.Abort()
	}
}
