package ftp

import (
	"context"
	"io"
	"net"
	"time"
)

// An upload in stream mode ends when the data connection does (RFC 959 section
// 3.4.1), and that is how it ends for a client that was killed, too. So whoever
// is done with the data looks at the control connection: if that has ended as
// well and the client has not said QUIT, nobody is there to whom the upload is
// complete, and it is aborted. See docs/adr/0005-complete-uploads.md.

// presence is what the system knows about a control connection.
type presence int

const (
	present  presence = iota // open, and nothing has come
	speaking                 // something has come that is not read yet
	ended                    // the client sends no more
	reset                    // the connection is of no use any more
)

const (
	// The two connections of a client that is killed end within a moment, in any
	// order. Where the end of the data is all that a client has said, that moment
	// is waited for: a fiftieth of the time that the upload took, as then no
	// upload becomes slower by more, and no longer than maxGrace.
	graceShare = 50
	maxGrace   = 25 * time.Millisecond
	minGrace   = 50 * time.Microsecond // below which no wait is worth its cost
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

// confirm returns an error unless the client is still there, now that it has
// ended the data of an upload.
func (s *stream) confirm() error {
	c, j := s.conn, s.job
	grace := s.grace()
	for start := time.Now(); ; time.Sleep(100 * time.Microsecond) {
		if j.ctx.Err() != nil {
			return context.Cause(j.ctx)
		}
		waited, waits := time.Since(start), c.waits.Load()
		switch presenceOf(c.raw) {
		case reset:
			return errLost
		case ended:
			switch {
			case c.stopped.Load() == whenQuit, s.quick && s.pipelined("QUIT"):
				return nil
			case s.quick || waited > quitTime:
				return errLost
			}
		case speaking:
			switch {
			case s.quick && s.pipelined("ABOR"):
				return errAborted
			case s.quick || waits == forJob || waited > readTime:
				return nil
			}
		case present:
			reads := !s.quick && waits == forNothing && waited <= readTime
			if !reads && waited >= grace {
				return nil
			}
		}
	}
}

// grace is how long the end of the control connection is waited for.
func (s *stream) grace() time.Duration {
	if s.data != nil && s.data.records != nil && s.data.records.ended == io.EOF {
		return 0 // close_notify is not sent by the kernel of a client that was killed
	}
	grace := min(time.Since(s.job.start)/graceShare, maxGrace)
	if grace < minGrace {
		return 0
	}
	return grace
}

// netConn is the connection below what listeners have wrapped around it.
func netConn(conn net.Conn) net.Conn {
	for {
		switch wrapped := conn.(type) {
		case interface{ Raw() net.Conn }: // of the PROXY protocol
			conn = wrapped.Raw()
		case interface{ NetConn() net.Conn }: // of TLS
			conn = wrapped.NetConn()
		default:
			return conn
		}
	}
}
