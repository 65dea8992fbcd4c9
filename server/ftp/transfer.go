package ftp

import (
	"context"
	"path"
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
	file      File   // or nil, for listings and the like
	appends   bool   // the file is open for appending
	// begin, which may be nil, is called when there is a data connection. move
	// moves the data. finish, which may be nil, is always called, with the
	// error so far, and returns the error that counts.
	begin  func() error
	move   func(s *stream) error
	finish func(err error) error
}

// running is a transfer that was started.
type running struct {
	transfer
	conn      *Conn
	stream    *stream
	src       dataSource
	protected bool
	record    TransferRecord
}

// startTransfer answers 150 and starts the transfer. From here on there will
// be exactly one final reply. 150 goes out before the connection is accepted
// and before its TLS handshake: there are clients that connect, or begin to
// speak, only after it. (It is 150 and never 125: several know no other.)
func (c *Conn) startTransfer(t transfer) error {
	r := &running{
		transfer: t, conn: c, src: c.state.data, protected: c.state.protected,
		stream: &stream{
			conn:    c,
			limits:  c.limits(),
			job:     &job{verb: t.verb, path: t.path, direction: t.direction, size: t.size, data: true, plain: !c.state.protected},
			ascii:   c.translating(),
			deflate: c.state.deflate,
			level:   c.state.zipLevel,
		},
	}
	r.stream.limiters = c.limiters(t.direction, r.stream.limits)
	r.record = TransferRecord{
		Verb: t.verb, Path: t.path, Direction: t.direction, Offset: t.offset,
		Start: time.Now(), Passive: r.src.passive(),
	}
	c.state.data = nil
	if hook := c.server.Hooks.TransferStart; hook != nil {
		c.guard("hook TransferStart", func() { hook(c, r.record) })
	}
	// If this fails the client has gone, which the control goroutine notices
	// when it reads next, and aborts the transfer.
	c.reply(150, r.opening)
	c.startJob(r.stream.job, func(j *job) *Error {
		return r.complete(r.try(func() error {
			if err := r.connect(); err != nil {
				return err
			}
			return r.move(r.stream)
		}))
	})
	return nil
}

// connect makes the data connection.
func (r *running) connect() error {
	d, err := r.conn.openData(r.stream.job, r.src, r.protected)
	if err != nil {
		return err
	}
	r.stream.data = d
	r.stream.job.connected.Store(true)
	if d.tls != nil {
		r.record.TLSVersion, r.record.CipherSuite, r.record.TLSResumed = d.tls.Version, d.tls.CipherSuite, d.tls.DidResume
		r.stream.job.after = func() { r.conn.linger(d) }
	}
	if r.begin != nil {
		return r.begin()
	}
	return nil
}

// try runs f, and makes an error of a panic.
func (r *running) try(f func() error) error {
	err := error(errInternal)
	r.conn.guard(r.verb, func() { err = f() })
	return err
}

// complete ends the transfer after err, and returns the final reply.
func (r *running) complete(err error) *Error {
	c, j := r.conn, r.stream.job
	j.over.Store(true)
	if err == nil && r.direction == Upload {
		err = r.stream.confirm()
	}
	err = j.err(err)
	if r.stream.data != nil {
		r.stream.close(err)
	} else {
		j.closeConn()
	}
	if err == nil && !j.decide() {
		err = context.Cause(j.ctx) // the client has been told so
	}
	if r.finish != nil {
		failed := err
		err = r.try(func() error { return r.finish(failed) })
	}
	reply := &Error{226, "Transfer complete"}
	if r.verb == "STOU" {
		// As BSD's server said it: Perl's Net::FTP looks for the name here.
		reply.Text += " (unique file name: " + path.Base(r.path) + ")"
	}
	if err != nil {
		var known bool
		if reply, known = replyTo(inContent(err)); !known {
			c.unforeseen("transfer failed", r.verb, err)
		}
	}
	r.record.Bytes, r.record.Duration = j.bytes.Load(), time.Since(r.record.Start)
	r.record.Code, r.record.Err = reply.Code, err
	j.record = func() { c.transferEnded(r.record) }
	return reply
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
		c.guard("hook TransferEnd", func() { hook(c, r) })
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
