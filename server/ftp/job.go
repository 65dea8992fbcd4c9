package ftp

import (
	"context"
	"io"
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
	pace      pace
	data      bool // it uses a data connection
	plain     bool // one without TLS

	ctx     context.Context
	cancel  context.CancelCauseFunc
	done    chan struct{}
	grace   time.Time // until when other commands wait for its end
	phase   atomic.Int32
	outcome atomic.Int32
	// moving is when the last byte moved, in Unix nanoseconds, while it is up to
	// the client and the disk that the next one does; else 0.
	moving atomic.Int64

	mu   sync.Mutex
	conn net.Conn // to be closed when aborted
}

// The phases of a job, one after the other.
const (
	connecting int32 = iota // there is no data connection yet
	connected               // the data moves
	finishing               // it has moved; what is left is up to the server
	answering               // the final reply is about to be sent
)

// The outcome of a job is decided once: by itself, or by the control goroutine if
// it does not end although it was aborted. Whoever decides sends the final reply.
const (
	undecided = iota
	decided   // by the job
	abandoned // a system call on a file does not return, most likely
)

// abortTime is how long an aborted job may take until it is abandoned.
const abortTime = time.Second

// startWork runs a job that uses no data connection. Its work is done by f, which returns
// the final reply.
func (c *Conn) startWork(j *job, f func() (*Error, error)) error {
	c.beginJob(j)
	go func() {
		reply := errInternal
		c.guard(j.verb, func() {
			done, err := f()
			tell(c, "Work", c.server.opts.Hooks.Work, TransferRecord{
				Verb: j.verb, Path: j.path, Start: j.start, Duration: time.Since(j.start), Err: err,
			})
			if err != nil {
				err = j.err(err)
			}
			reply = c.outcome(j, done, err, "command failed")
		})
		c.answerJob(j, reply)
		c.endJob(j)
	}()
	return nil
}

// outcome returns the final reply of a job that has ended with err.
func (c *Conn) outcome(j *job, done *Error, err error, failed string) *Error {
	if err == nil {
		return done
	}
	reply, known := replyFor(err, true)
	if !known {
		c.unforeseen(failed, j.verb, err)
	}
	return reply
}

// beginJob makes j the job of the session.
func (c *Conn) beginJob(j *job) {
	j.start = time.Now()
	j.ctx, j.cancel = context.WithCancelCause(c.ctx)
	j.done = make(chan struct{})
	c.current.Store(j)
	if j.plain {
		c.reviewTLS() // Set may have come since the command was admitted
	}
}

// answerJob sends the final reply.
func (c *Conn) answerJob(j *job, reply *Error) {
	c.active.Store(time.Now().UnixNano())
	j.phase.Store(answering)
	if j.decide() {
		c.reply(reply.Code, reply.Text)
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
	if conn := j.swap(nil); conn != nil {
		go conn.Close()
	}
}

// attach lets abort close conn from now on. It fails if that comes too late.
func (j *job) attach(conn net.Conn) error {
	j.swap(conn)
	if j.ctx.Err() != nil {
		j.abort(nil)
		return context.Cause(j.ctx)
	}
	return nil
}

// swap has abort close another connection from now on, and returns the one so far.
func (j *job) swap(next net.Conn) net.Conn {
	j.mu.Lock()
	defer j.mu.Unlock()
	conn := j.conn
	j.conn = next
	return conn
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

// A jobReader counts, keeps to the rate, and ends when the job is aborted.
type jobReader struct {
	j *job
	r io.Reader
}

func (r *jobReader) Read(p []byte) (int, error) {
	if err := r.j.err(nil); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p[:r.j.pace.allowance(len(p))])
	r.j.bytes.Add(int64(n))
	if perr := r.j.pay(n); perr != nil {
		return n, perr
	}
	return n, err
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
	for wait := time.Until(j.grace); !c.jobEnds(j, wait); wait = tick {
		switch {
		case j.phase.Load() == answering && c.ctx.Err() == nil:
			// The client may have the final reply already: it is in its right.
		case c.ctx.Err() != nil, time.Since(start) > overTime, c.stopped.Load() == atOnce, !j.dataOver():
			return errTransferring
		}
	}
	return nil
}

// jobEnds waits for a job to end, for as long as within says, unless the connection does
// before.
func (c *Conn) jobEnds(j *job, within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-j.done:
		return true
	case <-timer.C:
	case <-c.ctx.Done():
	}
	return false
}

// dataOver reports whether the client has no more data to send or to get.
func (j *job) dataOver() bool {
	if j.phase.Load() >= finishing {
		return true
	}
	j.mu.Lock()
	conn := j.conn
	j.mu.Unlock()
	return j.direction == Upload && conn != nil && move.Ended(conn)
}

// awaitEnd waits for a running job to end, unless the connection does before.
func (c *Conn) awaitEnd() {
	if j := c.current.Load(); j != nil {
		c.jobEnds(j, orForever(0))
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
	switch {
	case c.jobEnds(j, abortTime):
	case j.outcome.CompareAndSwap(undecided, abandoned):
		reply, _ := replyTo(cause)
		c.reply(reply.Code, reply.Text)
	default:
		c.awaitEnd() // what it has decided is not changed any more
	}
}
