package ftp

import (
	"strconv"
	"time"
)

// A transfer is one use of a data connection.
type transfer struct {
	verb      string
	path      string
	direction Direction
	offset    int64
	size      int64  // or -1
	opening   string // text of the 150 reply
	// move moves the data. finish, which may be nil, is always called, with
	// the error so far, and returns the error that counts.
	move   func(s *stream) error
	finish func(err error) error
}

// startTransfer answers 150 and starts the transfer. From here on there will
// be exactly one final reply. 150 goes out before the connection is accepted
// and before its TLS handshake: there are clients that connect, or begin to
// speak, only after it. (It is 150 and never 125: several know no other.)
func (c *Conn) startTransfer(t transfer) error {
	src := c.state.data
	c.state.data = nil
	s := &stream{
		conn:    c,
		limits:  c.limits(),
		job:     &job{verb: t.verb, path: t.path, direction: t.direction, size: t.size, data: true},
		ascii:   !c.state.binary && !c.server.BinaryASCII,
		deflate: c.state.deflate,
		level:   c.state.zipLevel,
	}
	s.limiters = c.limiters(t.direction, s.limits)
	protected := c.state.protected
	record := TransferRecord{
		Verb: t.verb, Path: t.path, Direction: t.direction, Offset: t.offset,
		Start: time.Now(), Passive: src.passive(),
	}
	if hook := c.server.Hooks.TransferStart; hook != nil {
		hook(c, record)
	}
	if err := c.reply(150, t.opening); err != nil {
		// The client has gone; the control goroutine will notice.
		src.close()
		if t.finish != nil {
			t.finish(errLost)
		}
		record.Err, record.Code = errLost, errLost.Code
		c.transferEnded(record)
		return nil
	}
	c.startJob(s.job, func(j *job) *Error {
		d, err := c.openData(j, src, protected)
		if err == nil {
			s.data = d
			err = j.err(t.move(s))
			s.close(err)
			j.after = d.linger
			if d.tls != nil {
				record.TLSVersion, record.CipherSuite, record.TLSResumed = d.tls.Version, d.tls.CipherSuite, d.tls.DidResume
			}
		}
		if t.finish != nil {
			err = t.finish(err)
		}
		reply := &Error{226, "Transfer complete"}
		if err != nil {
			var known bool
			if reply, known = replyTo(err); !known {
				c.server.logger().Error("transfer failed", "command", t.verb, "user", c.User(), "session", c.id, "error", err)
			}
		}
		record.Bytes, record.Duration = j.bytes.Load(), time.Since(record.Start)
		record.Code, record.Err = reply.Code, err
		c.transferEnded(record)
		return reply
	})
	return nil
}

func (c *Conn) transferEnded(r TransferRecord) {
	c.mu.Lock()
	if r.Direction == Upload {
		c.uploaded += r.Bytes
	} else {
		c.downloaded += r.Bytes
	}
	c.mu.Unlock()
	if hook := c.server.Hooks.TransferEnd; hook != nil {
		hook(c, r)
	}
}

// opening is the text of a 150 reply.
func (c *Conn) opening(arg string, size int64) string {
	mode := "ASCII"
	if c.state.binary {
		mode = "BINARY"
	}
	text := "Opening " + mode + " mode data connection for " + arg
	if size >= 0 {
		text += " (" + strconv.FormatInt(size, 10) + " bytes)"
	}
	return text
}
