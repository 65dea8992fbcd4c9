package ftp

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strconv"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// A transfer is one use of a data connection. A command opens what is to be moved and
// calls startTransfer; then come connect, move and finish, in this order.
type transfer struct {
	job
	content   content
	offset    int64
	opening   string // text of the 150 reply
	conn      *Conn
	limits    *Limits
	ascii     bool
	src       dataSource
	data      *move.Conn   // nil until connect
	allowed   func() error // whether bytes of the file may still be moved, or nil
	confirmed bool         // see confirm
	record    TransferRecord
}

// content is what a transfer moves.
type content interface {
	// move moves the data, when there is a data connection.
	move(t *transfer) error
	// end is always called, with the error so far, and returns the error that counts.
	end(err error) error
}

const (
	// chunkSize is how much is moved before progress is looked at; tick is how long
	// that may take.
	chunkSize = 4 << 20
	tick      = 500 * time.Millisecond
)

// startTransfer answers 150 and starts the transfer. From here on there will
// be exactly one final reply. 150 goes out before the connection is accepted
// and before its TLS handshake: there are clients that connect, or begin to
// speak, only after it. (It is 150 and never 125: several know no other.)
func (c *Conn) startTransfer(t *transfer) error {
	t.job.data, t.job.plain = true, !c.state.protected
	t.conn, t.limits = c, c.limits()
	t.pace = t.limits.pace(t.direction)
	t.ascii, t.src = c.translating(), c.state.data
	c.state.data = nil
	t.record = TransferRecord{
		Verb: t.verb, Path: t.path, Direction: t.direction, Offset: t.offset,
		Start: time.Now(),
	}
	_, t.record.Passive = t.src.(*passive.Wait)
	tell(c, "TransferStart", c.server.opts.Hooks.TransferStart, t.record)
	// If this fails the client has gone, which the control goroutine notices
	// when it reads next, and aborts the transfer.
	c.reply(150, t.opening)
	c.beginJob(&t.job)
	go t.serve()
	return nil
}

// serve is the goroutine of the transfer.
func (t *transfer) serve() {
	c := t.conn
	reply := errInternal
	t.record.Code, t.record.Err = reply.Code, reply
	c.guard(t.verb, func() { reply = t.run() })
	c.answerJob(&t.job, reply)
	c.transferEnded(t.record)
	c.endJob(&t.job)
	if t.data != nil && t.data.TLS() != nil {
		c.linger(t.data)
	}
}

func (t *transfer) run() *Error {
	err := t.try(t.connect)
	if err == nil {
		err = t.try(func() error { return t.content.move(t) })
	}
	return t.finish(err)
}

// try runs f, and makes an error of a panic.
func (t *transfer) try(f func() error) error {
	err := error(errInternal)
	t.conn.guard(t.verb, func() { err = f() })
	return err
}

// connect makes the data connection.
func (t *transfer) connect() error {
	d, err := t.conn.openData(&t.job, t.src)
	if err != nil {
		return err
	}
	t.data = d
	t.phase.Store(connected)
	if s := d.TLS(); s != nil {
		t.record.TLSVersion, t.record.CipherSuite, t.record.TLSResumed = s.Version, s.CipherSuite, s.DidResume
	}
	return nil
}

// pump moves all that m has.
func (t *transfer) pump(m move.Mover) error {
	defer m.Close()
	for {
		switch _, err := t.step(m.Move, chunkSize); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

// step moves up to n bytes, at least one unless there is an error. It counts them, keeps
// to the rate, and ends what stalls or was aborted.
func (t *transfer) step(move func(n int, by time.Time) (int, error), n int) (int, error) {
	n = t.pace.allowance(n)
	for since := t.moved(); ; {
		if t.allowed != nil {
			if err := t.allowed(); err != nil {
				return 0, err
			}
		}
		moved, err := move(n, time.Now().Add(min(tick, orForever(t.limits.StallTimeout))))
		t.bytes.Add(int64(moved))
		if perr := t.pay(moved); perr != nil {
			return moved, perr
		}
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return moved, err
		case t.ctx.Err() != nil:
			return moved, context.Cause(t.ctx)
		case moved > 0:
			return moved, nil
		case t.limits.StallTimeout > 0 && time.Since(since) >= t.limits.StallTimeout:
			return 0, errStalled
		}
	}
}

// Write sends p to the client, as the other end of filters and listings.
func (t *transfer) Write(p []byte) (int, error) {
	for left := p; ; {
		n, err := t.step(func(n int, by time.Time) (int, error) { return t.data.Send(left[:n], by) }, len(left))
		if left = left[n:]; len(left) == 0 || err != nil {
			return len(p) - len(left), err
		}
	}
}

// Read reads what the client sends.
func (t *transfer) Read(p []byte) (int, error) {
	return t.step(func(n int, by time.Time) (int, error) { return t.data.Receive(p[:n], by) }, len(p))
}

// reader returns where to read what the client sends.
func (t *transfer) reader() io.Reader {
	if t.ascii {
		return &asciiReader{r: t}
	}
	return t
}

// watch has a file asked whether its bytes may still be moved: where the kernel moves
// them, no call of the file asks.
func (t *transfer) watch(f File) {
	if f, ok := f.(interface{ Allowed() error }); ok {
		t.allowed = f.Allowed
	}
}

// finish ends the transfer after err, and returns the final reply.
func (t *transfer) finish(err error) *Error {
	t.phase.Store(finishing)
	if err == nil && t.direction == Upload {
		err = t.confirm()
	}
	err = t.err(err)
	t.closeData(err)
	if err == nil && !t.decide() {
		err = context.Cause(t.ctx) // the client has been told so
	}
	failed := err
	err = t.try(func() error { return t.content.end(failed) })
	reply := &Error{226, "Transfer complete"}
	if t.verb == "STOU" {
		// As BSD's server said it: Perl's Net::FTP looks for the name here.
		reply.Text += " (unique file name: " + path.Base(t.path) + ")"
	}
	reply = t.conn.outcome(&t.job, reply, err, "transfer failed")
	t.record.Bytes, t.record.Duration = t.bytes.Load(), time.Since(t.record.Start)
	t.record.Code, t.record.Err = reply.Code, err
	return reply
}

// closeData closes the data connection, properly if the transfer succeeded.
func (t *transfer) closeData(err error) {
	if t.data == nil {
		return
	}
	t.moving.Store(0)
	if err != nil {
		t.data.Abort()
	} else {
		t.data.Finish(tick)
	}
	t.data.Release()
}

func (c *Conn) transferEnded(r TransferRecord) {
	c.mu.Lock()
	if r.Direction == Upload {
		c.uploaded += r.Bytes
	} else {
		c.downloaded += r.Bytes
	}
	c.mu.Unlock()
	tell(c, "TransferEnd", c.server.opts.Hooks.TransferEnd, r)
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
