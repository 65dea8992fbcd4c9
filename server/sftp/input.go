package sftp

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// An input is what the client sends to the program of a channel. One goroutine
// reads from it.
type input struct {
	from   io.Reader
	inflow *inflow
	first  *probed     // the first that comes, for whatever program
	within atomic.Bool // the client is in the midst of sending something

	mu      sync.Mutex
	reading int64   // since when the program waits for more, or 0
	ahead   *probed // is to be read first
}

// probed is what was read before the program asked for it.
type probed struct {
	since int64
	done  chan struct{} // closed when it was read
	buf   [64]byte
	data  []byte
	some  bool // there were data, and not the end
	err   error
}

func (in *input) init(from io.Reader, inflow *inflow) {
	in.from, in.inflow = from, inflow
	in.probe()
	in.first = in.ahead
}

// Read implements io.Reader.
func (in *input) Read(p []byte) (int, error) {
	in.mu.Lock()
	in.reading = sinceEpoch()
	ahead := in.ahead
	in.mu.Unlock()
	var n int
	var err error
	if ahead != nil {
		n, err = ahead.read(p)
	} else {
		n, err = in.from.Read(p)
		in.inflow.taken(n)
	}
	in.mu.Lock()
	in.reading = 0
	if ahead != nil && len(ahead.data) == 0 && ahead.err == nil {
		in.ahead = nil
	}
	in.mu.Unlock()
	return n, err
}

func (a *probed) read(p []byte) (int, error) {
	<-a.done
	n := copy(p, a.data)
	a.data = a.data[n:]
	if n > 0 {
		return n, nil
	}
	return 0, a.err
}

// probe reads a little for the program, while that does not.
func (in *input) probe() {
	a := &probed{since: sinceEpoch(), done: make(chan struct{})}
	in.ahead = a
	go func() {
		defer close(a.done)
		var n int
		n, a.err = in.from.Read(a.buf[:])
		in.inflow.taken(n)
		a.data = a.buf[:n]
		a.some = n > 0
	}()
}

// dryAfter is how long a read has to wait for that it may be said that there
// is nothing to read: what was received is on its way from one goroutine to
// another.
const dryAfter = 10 * time.Millisecond

// dry reports whether the program has all that was received. If that cannot be
// told, because the program does something else, it can some time later.
func (in *input) dry() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	since := in.reading
	if in.ahead != nil {
		select {
		case <-in.ahead.done:
			return in.ahead.err != nil
		default:
			since = in.ahead.since
		}
	}
	if since == 0 {
		in.probe()
		return false
	}
	return time.Duration(sinceEpoch()-since) > dryAfter
}

// dry reports whether all that was received has been taken.
func (c *Conn) dry() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch := range c.channels {
		if !ch.input.dry() {
			return false
		}
	}
	return true
}

// awaited returns for how long the client has not gone on with what it is in
// the midst of sending.
func (in *input) awaited() time.Duration {
	if !in.within.Load() {
		return 0
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.reading == 0 {
		return 0
	}
	return time.Duration(sinceEpoch() - in.reading)
}

// discard reads until the end of the channel, which is closed: what the client
// still sends would be kept otherwise.
func (in *input) discard() {
	in.within.Store(false)
	var b [512]byte
	for {
		if _, err := in.Read(b[:]); err != nil {
			return
		}
	}
}

// A patient reader reads for a program that the client has started and that has
// nothing to do until more comes: while it waits, the connection is idle, and
// may be ended by a drain.
type patient struct{ ch *channel }

// Read implements io.Reader.
func (p patient) Read(b []byte) (int, error) {
	c := p.ch.conn
	c.activity.done()
	n, err := p.ch.input.Read(b)
	if !c.activity.resume(c.server.hurry.Load()) {
		c.end(endDrain)
		return 0, errOver
	}
	return n, err
}
