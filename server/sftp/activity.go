package sftp

import (
	"sync/atomic"
	"time"
)

// activity is how busy a connection is.
type activity struct {
	last    atomic.Int64 // when something was last asked or sent, since epoch
	running atomic.Int32 // requests and commands that are being served
	files   atomic.Int32 // transfers: files that were read from or written to, and are open
	sending atomic.Int64 // since when a reply is waiting for the client to read, or 0
}

var epoch = time.Now()

func sinceEpoch() int64 { return int64(time.Since(epoch)) + 1 }

// touch notes that something happens.
func (a *activity) touch() { a.last.Store(sinceEpoch()) }

// idle returns for how long nothing has been asked; never while something is
// being served.
func (a *activity) idle() time.Duration {
	if a.running.Load() > 0 {
		return 0
	}
	return time.Duration(sinceEpoch() - a.last.Load())
}

func (a *activity) transfers() int { return int(a.files.Load()) }

// stalled returns for how long the client has read nothing of what is sent.
func (a *activity) stalled() time.Duration {
	if since := a.sending.Load(); since > 0 {
		return time.Duration(sinceEpoch() - since)
	}
	return 0
}

const (
	// drainQuiet is how long a session without an open file must have asked
	// nothing to be ended while the server drains: there is such a gap
	// between the files of a recursive transfer.
	drainQuiet = time.Second
	// drainStale is the same for a session with open files. Some clients keep
	// files open that they do not use.
	drainStale = 15 * time.Second
)

// drained reports whether nothing would be cut if the session ended now.
func (a *activity) drained() bool {
	if a.transfers() > 0 {
		return a.idle() > drainStale
	}
	return a.idle() > drainQuiet
}
