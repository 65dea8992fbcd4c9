package ftp

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
)

// An upload in stream mode ends when the data connection does (RFC 959 section
// 3.4.1), and that is how it ends for a client that was killed, too. So whoever
// is done with the data looks at the control connection: if that has ended as
// well and the client has not said QUIT, nobody is there to whom the upload is
// complete, and it is aborted. See docs/adr/0005-complete-uploads.md.

const (
	// The two connections of a client that is killed end within a moment, in any
	// order; how long that is depends on how busy its machine is. Where the end
	// of the data may be the work of its kernel, that moment is waited for, though
	// not so long that anybody would notice: a part of the time that the upload
	// took, up to a limit, or as long as the client was silent before the end.
	plainShare, plainGrace = 50, 25 * time.Millisecond
	// The first uploads of a session may take a little longer: a client that is
	// killed is most likely in one of them. A session of many small files is not
	// slower for that.
	firstUploads = 3
	firstGrace   = plainGrace
	// Most clients end TLS with close_notify, and do not wait at all. So one whose
	// session has ended no upload without it yet is most likely killed.
	tlsShare, tlsGrace = 10, 250 * time.Millisecond
	tlsLeast           = 10 * time.Millisecond
	tlsFirst           = 500 * time.Millisecond
	maxSilence         = 500 * time.Millisecond
	// Shorter times are not worth the cost, or cannot be measured.
	minGrace, minSilence = 50 * time.Microsecond, 10 * time.Millisecond
	// What has come on the control connection is read before the upload
	// completes, for it may be ABOR. That takes no time, unless the processors
	// are very busy.
	readTime = 100 * time.Millisecond
	// quitTime is how long the control goroutine may take to find QUIT before
	// the end.
	quitTime = 2 * time.Second
)

// What the control goroutine is waiting for.
const (
	forNothing int32 = iota
	forCommand
	forJob
)

// attention is what the control goroutine tells a transfer of what it does, and what is
// counted for transfers.
type attention struct {
	waits     atomic.Int32  // what for: see forCommand
	noticed   chan struct{} // it waits for something else now
	uploads   atomic.Int32  // whose end has come
	unsaid    atomic.Bool   // one of them ended TLS without close_notify
	lingering atomic.Int32  // data connections, see linger
}

// waitFor is called by the control goroutine before it waits.
func (c *Conn) waitFor(what int32) {
	c.waits.Store(what)
	select {
	case c.noticed <- struct{}{}:
	default: // it is to be looked at already
	}
}

// confirm returns an error unless the client is still there, now that it has
// ended the data of an upload.
func (t *transfer) confirm() error {
	if t.confirmed {
		return nil
	}
	t.confirmed = true
	c, j := t.conn, &t.job
	grace := t.grace()
	for start := time.Now(); ; {
		if j.ctx.Err() != nil {
			return context.Cause(j.ctx) // which the control goroutine has found
		}
		waits := c.waits.Load()
		until, verdict := grace, error(nil)
		switch move.Look(c.raw) {
		case move.Reset:
			return errLost
		case move.HalfClosed:
			if c.stopped.Load() == whenQuit {
				return nil
			}
			until, verdict = quitTime, errLost
		case move.Speaking:
			if waits == forJob {
				return nil
			}
			until = readTime
		case move.Present:
			if waits == forNothing {
				until = max(grace, readTime) // it deals with what may be ABOR
			}
		}
		left := until - time.Since(start)
		if left <= 0 {
			return verdict
		}
		select {
		case <-j.ctx.Done():
		case <-c.noticed:
		case <-time.After(left):
		}
	}
}

// grace is how long the end of the control connection is waited for.
func (t *transfer) grace() time.Duration {
	took := time.Since(t.start)
	grace := min(took/plainShare, plainGrace)
	if t.conn.uploads.Add(1) <= firstUploads {
		grace = max(grace, firstGrace)
	}
	if t.data.TLS() != nil {
		if t.data.Notified() {
			return 0 // the client itself has said so
		}
		grace = max(min(took/tlsShare, tlsGrace), tlsLeast)
		if !t.conn.unsaid.Swap(true) {
			grace = tlsFirst
		}
	}
	// The server's own delay counts, too: a machine that is busy is slow to close
	// connections.
	if silent := t.data.Silence(); silent >= minSilence {
		grace = max(grace, min(silent, maxSilence))
	}
	if grace < minGrace {
		return 0
	}
	return grace
}
