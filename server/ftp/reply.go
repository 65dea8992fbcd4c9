package ftp

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// replyWriter serialises replies: the control goroutine and a transfer both
// send some, and the lines of one reply must not mix with those of another.
type replyWriter struct {
	mu sync.Mutex
}

// replyBuffers holds buffers in which replies are put together, so that each is
// one packet and one TLS record.
var replyBuffers = sync.Pool{New: func() any { return new(replyBuffer) }}

type replyBuffer struct{ b []byte }

// send sends a reply. If that fails the connection is of no use any more and
// is closed, which ends the control goroutine too.
func (c *Conn) send(code int, text string) error {
	rb := replyBuffers.Get().(*replyBuffer)
	defer replyBuffers.Put(rb)
	rb.b = appendReply(rb.b[:0], code, text)
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.write(rb.b)
}

// write sends b. c.out.mu must be held.
func (c *Conn) write(b []byte) error {
	c.nc.SetWriteDeadline(c.writeBy())
	_, err := c.nc.Write(b)
	if err != nil {
		c.raw.Close()
	}
	return err
}

// writeBy returns until when the client has to read what is sent now. Who has not
// logged in has no longer than for that, and a session that ends waits no more.
func (c *Conn) writeBy() time.Time {
	now, by := time.Now(), time.Time{}
	limit := func(at time.Time) {
		if by.IsZero() || at.Before(by) {
			by = at
		}
	}
	limits := c.limits()
	if limits.WriteTimeout > 0 {
		limit(now.Add(limits.WriteTimeout))
	}
	if limits.LoginTimeout > 0 && c.loginSince.Load() != 0 {
		at := c.loginBy()
		if soon := now.Add(partingTime); at.Before(soon) {
			at = soon // to say why
		}
		limit(at)
	}
	if c.parting.Load() {
		limit(now.Add(partingTime + c.server.opts.parting))
	}
	return by
}

// partingTime is how long a client may take to read the last reply.
const partingTime = time.Second

// reply sends the reply of the control goroutine to a command.
func (c *Conn) reply(code int, text string) error {
	return c.send(code, text)
}

// appendReply appends a reply in the format of RFC 959 section 4.2. The middle
// lines of a long one are indented, so none can look like its end.
func appendReply(b []byte, code int, text string) []byte {
	text = strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\r", "")
	for first := true; ; first = false {
		line, rest, more := strings.Cut(text, "\n")
		switch {
		case !more:
			b = strconv.AppendInt(b, int64(code), 10)
			b = append(b, ' ')
		case first:
			b = strconv.AppendInt(b, int64(code), 10)
			b = append(b, '-')
		default:
			b = append(b, ' ')
		}
		b = append(b, line...)
		b = append(b, '\r', '\n')
		if !more {
			return b
		}
		text = rest
	}
}
