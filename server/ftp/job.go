package ftp

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
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

	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{}
	ending atomic.Bool // the final reply is about to be sent
	grace  time.Time   // until when other commands wait for its end
	record func()      // called after the final reply, if not nil
	after  func()      // called when all is over, if not nil

	mu   sync.Mutex
	conn net.Conn // to be closed when aborted
}

// startJob runs f on a goroutine of its own. f returns the final reply.
func (c *Conn) startJob(j *job, f func(*job) *Error) {
	c.beginJob(j)
	go c.runJob(j, f)
}

// beginJob makes j the job of the session.
func (c *Conn) beginJob(j *job) {
	j.start = time.Now()
	j.ctx, j.cancel = context.WithCancelCause(c.ctx)
	j.done = make(chan struct{})
	c.current.Store(j)
}

func (c *Conn) runJob(j *job, f func(*job) *Error) {
	reply := f(j)
	c.endJob(j, func() { c.send(reply.Code, reply.Text) })
}

// endJob sends the final reply and ends j.
func (c *Conn) endJob(j *job, send func()) {
	c.active.Store(time.Now().UnixNano())
	j.ending.Store(true)
	send()
	if j.record != nil {
		j.record()
	}
	j.cancel(nil)
	c.current.Store(nil)
	close(j.done)
	if c.stopped.Load() != keepGoing {
		c.wake()
	}
	if j.after != nil {
		j.after()
	}
}

// abort makes the job fail with cause.
func (j *job) abort(cause error) {
	j.cancel(cause)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.conn != nil {
		j.conn.Close()
	}
}

// attach lets abort close conn from now on. It fails if that comes too late.
func (j *job) attach(conn net.Conn) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.conn = conn
	if j.ctx.Err() != nil {
		conn.Close()
		return context.Cause(j.ctx)
	}
	return nil
}

// err returns why the job was aborted, or else err.
func (j *job) err(err error) error {
	if j.ctx.Err() != nil {
		return context.Cause(j.ctx)
	}
	return err
}

func (j *job) info() *TransferInfo {
	return &TransferInfo{
		Verb: j.verb, Path: j.path, Direction: j.direction,
		Start: j.start, Bytes: j.bytes.Load(), Size: j.size,
	}
}

// awaitJob waits for a running job to end, though not for long: a client may
// send its next command as soon as it has seen the end of the data, before the
// final reply. It reports whether no job runs any more.
func (c *Conn) awaitJob() bool {
	const grace = time.Second
	j := c.current.Load()
	if j == nil {
		return true
	}
	if j.grace.IsZero() {
		j.grace = time.Now().Add(grace)
	}
	timer := time.NewTimer(time.Until(j.grace))
	defer timer.Stop()
	select {
	case <-j.done:
		return true
	case <-timer.C:
	}
	if j.ending.Load() {
		// The client may have the final reply already: it is in its right.
		<-j.done
		return true
	}
	return false
}

// awaitEnd waits for a running job to end.
func (c *Conn) awaitEnd() {
	if j := c.current.Load(); j != nil {
		<-j.done
	}
}
