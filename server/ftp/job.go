package ftp

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
)

// A job is work that runs beside the control goroutine: a transfer, or a
// command that may take long, such as HASH. There is at most one per session.
type job struct {
	verb      string
	path      string
	direction Direction
	start     time.Time
	size      int64 // of the file, or -1
	bytes     atomic.Int64
	data      bool // it uses a data connection
	plain     bool // one without TLS

	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{}
	over   atomic.Bool // the data has moved; what is left is up to the server
	ending atomic.Bool // the final reply is about to be sent
	grace  time.Time   // until when other commands wait for its end

	outcome   atomic.Int32
	connected atomic.Bool // the data connection is made
	// moving is when the last byte moved, in Unix nanoseconds, while it is up to
	// the client and the disk that the next one does; else 0.
	moving atomic.Int64

	mu   sync.Mutex
	conn net.Conn // to be closed when aborted
}

// The outcome of a job is decided once: by itself, or by the control goroutine if
// it does not end although it was aborted. Whoever decides sends the final reply.
const (
	undecided = iota
	decided   // by the job
	abandoned // a system call on a file does not return, most likely
)

// abortTime is how long an aborted job may take until it is abandoned.
const abortTime = time.Second

// startJob runs f on a goroutine of its own. f returns the final reply.
func (c *Conn) startJob(j *job, f func(*job) *Error) {
	c.beginJob(j)
	go func() {
		reply := errInternal
		c.guard(j.verb, func() { reply = f(j) })
		c.answerJob(j, reply)
		c.endJob(j)
	}()
}

// beginJob makes j the job of the session.
func (c *Conn) beginJob(j *job) {
	j.start = time.Now()
	j.ctx, j.cancel = context.WithCancelCause(c.ctx)
	j.done = make(chan struct{})
	c.current.Store(j)
	if j.plain {
		c.reviewTLS() // SetTLS may have come since the command was admitted
	}
}

// answerJob sends the final reply.
func (c *Conn) answerJob(j *job, reply *Error) {
	c.active.Store(time.Now().UnixNano())
	j.ending.Store(true)
	if j.decide() {
		c.send(reply.Code, reply.Text)
	}
}

// endJob lets the session go on with another job.
func (c *Conn) endJob(j *job) {
	j.cancel(nil)
	c.current.Store(nil)
	close(j.done)
	if c.stopped.Load() != keepGoing {
		c.wake()
	}
}

// decide makes the outcome that of the job itself. It fails if the control
// goroutine has told the client already that the job was aborted.
func (j *job) decide() bool {
	return j.outcome.CompareAndSwap(undecided, decided) || j.outcome.Load() == decided
}

// abort makes the job fail with cause. It does not wait for anything: to close a
// connection takes as long as a system call that uses it.
func (j *job) abort(cause error) {
	j.cancel(cause)
	j.closeConn()
}

func (j *job) closeConn() {
	j.mu.Lock()
	conn := j.conn
	j.conn = nil
	j.mu.Unlock()
	if conn != nil {
		go conn.Close()
	}
}

// attach lets abort close conn from now on. It fails if that comes too late.
func (j *job) attach(conn net.Conn) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ctx.Err() != nil {
		go conn.Close()
		return context.Cause(j.ctx)
	}
	j.conn = conn
	return nil
}

// err returns why the job was aborted, or else err.
func (j *job) err(err error) error {
	if j.ctx.Err() != nil {
		return context.Cause(j.ctx)
	}
	return err
}

// moved notes that it is up to the client and the disk now.
func (j *job) moved() time.Time {
	now := time.Now()
	j.moving.Store(now.UnixNano())
	return now
}

func (j *job) info() *TransferRecord {
	return &TransferRecord{
		Verb: j.verb, Path: j.path, Direction: j.direction,
		Start: j.start, Bytes: j.bytes.Load(),
	}
}

// awaitJob waits for a running job to end, though not for long: a client may
// send its next command as soon as it has seen or sent the end of the data, before
// the final reply. Its error says that a job runs still.
func (c *Conn) awaitJob() error {
	const (
		grace    = time.Second      // for all commands that come during a job
		overTime = 10 * time.Second // for each that comes after the data
	)
	j := c.current.Load()
	switch {
	case j == nil:
		return nil
	case j.outcome.Load() == abandoned:
		return errNotEnded
	}
	c.waitFor(forJob)
	defer c.waits.Store(forNothing)
	start := time.Now()
	if j.grace.IsZero() {
		j.grace = start.Add(grace)
	}
	timer := time.NewTimer(time.Until(j.grace))
	defer timer.Stop()
	for {
		select {
		case <-j.done:
			return nil
		case <-c.ctx.Done():
			return errTransferring
		case <-timer.C:
		}
		switch {
		case j.ending.Load():
			// The client may have the final reply already: it is in its right.
		case time.Since(start) > overTime, c.stopped.Load() == atOnce, !j.dataOver():
			return errTransferring
		}
		timer.Reset(tick)
	}
}

// dataOver reports whether the client has no more data to send or to get.
func (j *job) dataOver() bool {
	if j.over.Load() {
		return true
	}
	j.mu.Lock()
	conn := j.conn
	j.mu.Unlock()
	if j.direction != Upload || conn == nil {
		return false
	}
	return move.Ended(conn)
}

// awaitEnd waits for a running job to end, unless the connection does before.
func (c *Conn) awaitEnd() {
	if j := c.current.Load(); j != nil {
		select {
		case <-j.done:
		case <-c.ctx.Done():
		}
	}
}

// activeJob returns the job that runs, unless it was abandoned.
func (c *Conn) activeJob() *job {
	if j := c.current.Load(); j != nil && j.outcome.Load() != abandoned {
		return j
	}
	return nil
}

// abortJob aborts the running job, if there is one, and has the client get its
// final reply: from the job, or from here if that does not end. What it has still
// to do goes on then, and keeps other work from being begun on this connection.
func (c *Conn) abortJob(cause error) {
	j := c.activeJob()
	if j == nil {
		return
	}
	j.abort(cause)
	timer := time.NewTimer(abortTime)
	defer timer.Stop()
	select {
	case <-j.done:
		return
	case <-timer.C:
	case <-c.ctx.Done():
	}
	if j.outcome.CompareAndSwap(undecided, abandoned) {
		reply, _ := replyTo(cause)
		c.send(reply.Code, reply.Text)
		return
	}
	select { // what it has decided is not changed any more
	case <-j.done:
	case <-c.ctx.Done():
	}
}

// stalledAt returns when to look whether the running job has stalled, and whether it
// has now. It ends by itself then, unless a system call on the file does not return.
func (c *Conn) stalledAt() (at time.Time, stalled bool) {
	j, limit := c.activeJob(), c.limits().StallTimeout
	if j == nil || !j.data || limit <= 0 {
		return at, false
	}
	now := time.Now()
	at = now
	if moved := j.moving.Load(); moved != 0 {
		at = time.Unix(0, moved)
	}
	at = at.Add(limit + 2*tick)
	return at, !now.Before(at)
}
