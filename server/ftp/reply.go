package ftp

import (
	"strconv"
	"strings"
	"time"
)

// reply sends a reply, as one packet and one TLS record. The control goroutine and a
// transfer both do, and the lines of one reply must not mix with those of another. If it
// fails the connection is of no use any more and is closed, which ends the control
// goroutine too.
func (c *Conn) reply(code int, text string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.write(appendReply(nil, code, text))
}

// answer sends the reply to a command, unless that has failed.
func (c *Conn) answer(err error, code int, text string) error {
	if err != nil {
		return err
	}
	return c.reply(code, text)
}

// write sends b. c.writing must be held.
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
	limits, now := c.limits(), time.Now()
	within := orForever(limits.WriteTimeout)
	if limits.LoginTimeout > 0 && c.loginSince.Load() != 0 {
		within = min(within, max(c.loginBy().Sub(now), partingTime)) // at least to say why
	}
	if c.parting.Load() {
		within = min(within, partingTime+c.server.opts.parting)
	}
	return now.Add(within)
}

// partingTime is how long a client may take to read the last reply.
const partingTime = time.Second

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
