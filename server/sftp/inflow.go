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
	// Nothing that is received is lost sight of by this but more room to send
	// (SSH_MSG_CHANNEL_WINDOW_ADJUST), which the client may have given behind all
	// that. So there has to be room for the whole of a channel in the smallest
	// requests that there are, of 17 bytes, which take some 64 on the network:
	// paramiko asks for a whole file ahead, and reads replies behind that.
	maxParked = 12 << 20
	// maxParkedUser is the same for all connections of a user, but that each
	// may have leastParked.
	maxParkedUser = 64 << 20
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

// What SSH adds on the network is never seen by who takes the bytes of a channel.
// It must not be counted as waiting: a client that always has something waiting
// would come to a halt.
const (
	// requestShare is for each request of SFTP, which may be a packet of its own:
	// lengths, padding, and the longest code of authentication (RFC 4253 section
	// 6, RFC 4254 section 5.2).
	requestShare = 96
	// dataShare is the part of other data that it is in packets of 800 bytes.
	dataShare = 16
)

// taken counts n bytes of a channel that were taken.
func (f *inflow) taken(n int) { f.add(-n - n/dataShare) }

// served counts a request of SFTP whose bytes were taken.
func (f *inflow) served() { f.add(-requestShare) }

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
