package sftp

import (
	"sync"
	"sync/atomic"
	"time"
)

// activity is how busy a connection is.
type activity struct {
	last  atomic.Int64 // when something was last asked or sent, since epoch
	files atomic.Int32 // transfers: files that were read from or written to, and are open

	handles atomic.Int64 // files and folders that are open
	replies atomic.Int64 // that are not sent yet

	mu      sync.Mutex
	running int  // requests and commands that are being served
	over    bool // nothing is served any more
}

var epoch = time.Now()

func sinceEpoch() int64 { return int64(time.Since(epoch)) + 1 }

// touch notes that something happens.
func (a *activity) touch() { a.last.Store(sinceEpoch()) }

// idle returns for how long nothing has been asked; never while something is
// being served.
func (a *activity) idle() time.Duration {
	a.mu.Lock()
	running := a.running
	a.mu.Unlock()
	if running > 0 {
		return 0
	}
	return time.Duration(sinceEpoch() - a.last.Load())
}

// begin notes that something is being served, until done is called. It returns
// false if the connection is at its end: a request that came too late is not
// served, so that the client knows that nothing was done. In a hurry, that is
// any request between two files.
func (a *activity) begin(hurry bool) bool {
	a.touch()
	a.mu.Lock()
	defer a.mu.Unlock()
	if hurry && a.running == 0 && a.handles.Load() == 0 {
		a.over = true
	}
	if a.over {
		return false
	}
	a.running++
	return true
}

// resume is begin for what is being served and was said to be done while it
// had to wait for the client. It is being served again, even if it has to end.
func (a *activity) resume(hurry bool) bool {
	if a.begin(hurry) {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running++
	return false
}

func (a *activity) done() {
	a.touch()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running--
}

func (a *activity) transfers() int { return int(a.files.Load()) }

const (
	// drainQuiet is how long a session without an open file must have asked
	// nothing to be ended while the server drains: there is such a gap
	// between the files of a recursive transfer.
	drainQuiet = time.Second
	// drainOpen is the same for a session that has folders open, or files that it
	// has read nothing of: it has begun nothing that it could not begin elsewhere.
	drainOpen = 2 * time.Second
	// drainStale is the same for a session in the midst of files. Some clients
	// keep files open that they do not use.
	drainStale = 15 * time.Second
)

// drained reports whether nothing would be cut if the session ended now. If so,
// nothing begins any more. In a hurry, a session may end between two files that
// follow each other at once.
func (a *activity) drained(hurry bool) bool { return a.drainedAt(sinceEpoch(), hurry) }

// drainedAt is drained at a time since epoch.
func (a *activity) drainedAt(now int64, hurry bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running > 0 || a.replies.Load() > 0 {
		return false
	}
	// As long as nothing is being served, nothing is opened.
	quiet := drainQuiet
	switch {
	case a.files.Load() > 0:
		quiet = drainStale
	case a.handles.Load() > 0:
		quiet = drainOpen
	case hurry:
		quiet = 0
	}
	if time.Duration(now-a.last.Load()) > quiet {
		a.over = true
	}
	return a.over
}
