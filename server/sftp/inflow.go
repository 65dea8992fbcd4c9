package sftp

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxParked is how many bytes of a connection may have come from the
	// network and wait for what the client has asked for to take them. A
	// channel of x/crypto takes 2 MiB at any time, in packets of as little as
	// a byte, each of which needs some fifty bytes of memory and as many on
	// the network. So bytes of the network are counted, not those of channels.
	maxParked = 4 << 20
	// maxParkedUser is the same for all connections of a user, but that each
	// may have leastParked.
	maxParkedUser = 32 << 20
	leastParked   = 256 << 10

	// inflowPause is how often it is looked whether bytes were taken.
	inflowPause = 2 * time.Millisecond
)

// An inflow bounds what a connection has received and nobody has taken. When
// that is too much, nothing more is received.
type inflow struct {
	dry    func() bool   // reports whether all was taken
	closed chan struct{} // ends waiting
	end    sync.Once     // of closed
	since  atomic.Int64  // when bytes were last taken while no more is received; else 0

	mu     sync.Mutex
	parked int           // at most so many bytes wait
	user   *atomic.Int64 // the same of all connections of the user; nil before login
}

// add counts n bytes that were received, or, with -n, taken.
func (f *inflow) add(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// What was taken may have been received before all was said to be taken.
	n = max(n, -f.parked)
	f.parked += n
	if f.user != nil {
		f.user.Add(int64(n))
	}
}

// share has the bytes count for a user as well, or, with nil, for none.
func (f *inflow) share(user *atomic.Int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.user != nil {
		f.user.Add(-int64(f.parked))
	}
	if f.user = user; user != nil {
		user.Add(int64(f.parked))
	}
}

func (f *inflow) full() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.parked > maxParked || f.user != nil && f.parked > leastParked && f.user.Load() > maxParkedUser
}

func (f *inflow) left() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.parked
}

// stalled returns for how long nothing was taken while nothing is received.
func (f *inflow) stalled() time.Duration {
	since := f.since.Load()
	if since == 0 {
		return 0
	}
	return time.Duration(sinceEpoch() - since)
}

// stop ends waiting.
func (f *inflow) stop() { f.end.Do(func() { close(f.closed) }) }

// wait waits until more may be received.
func (f *inflow) wait() error {
	if !f.full() {
		return nil
	}
	f.since.Store(sinceEpoch())
	defer f.since.Store(0)
	for last := f.left(); f.full(); {
		if left := f.left(); left < last {
			f.since.Store(sinceEpoch())
			last = left
		}
		if f.dry() {
			f.add(-f.left())
			return nil
		}
		select {
		case <-f.closed:
			return net.ErrClosed
		case <-time.After(inflowPause):
		}
	}
	return nil
}
