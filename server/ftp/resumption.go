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
	running []*candidate // the newest first
	entered int
}

// winner returns the first connection that resumes the control connection's TLS session.
// Others are closed and the wait goes on, except that where a client need not resume, the
// only one that comes is taken.
func (r *race) winner(accept func(context.Context) (net.Conn, error), timeout time.Duration) (*move.Conn, error) {
	late := errNoConnection
	if r.must {
		late = errUnproven
	}
	ctx, cancel := context.WithTimeoutCause(r.job.ctx, timeout, late)
	defer cancel()
	r.ctx, r.found, r.failed = ctx, make(chan *move.Conn), make(chan error, 1)
	go func() {
		for {
			conn, err := accept(ctx)
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
		return d, nil
	case err := <-r.failed:
		return nil, err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// enter has a connection take part. To make room, those end that have shown nothing, if
// they have been silent for too long or there are too many of them.
func (r *race) enter(conn net.Conn) {
	ctx, cancel := context.WithCancel(r.ctx)
	entry := &candidate{conn: conn, since: time.Now(), cancel: cancel}
	r.mu.Lock()
	defer r.mu.Unlock()
	silent := 1
	r.running = slices.DeleteFunc(r.running, func(other *candidate) bool {
		if other.proven {
			return false
		}
		silent++
		leaves := silent > candidates || time.Since(other.since) > silentTime
		if leaves {
			other.cancel()
		}
		return leaves
	})
	r.entered++
	r.running = slices.Insert(r.running, 0, entry)
	go r.run(ctx, entry)
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
	t := c.dataTickets(r.job, r.must)
	t.proven = func(l lineage) {
		proven := c.ownsLineage(l)
		r.mu.Lock()
		defer r.mu.Unlock()
		entry.proven = proven
	}
	var d *move.Conn
	resumed, err := false, error(errInternal)
	c.guard("a data connection", func() { d, resumed, err = c.dataTLS(ctx, entry.conn, t) })
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
		if r.must || err == nil {
			err = errUnproven
		}
		r.failed <- r.job.err(err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = slices.DeleteFunc(r.running, func(other *candidate) bool { return other == entry })
}
