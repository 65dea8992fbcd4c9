package sftp

import (
	"encoding/binary"
	"io"
	"runtime/debug"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// Why the server ends a connection.
var (
	endDrain   = &conns.Ending{Reason: "drain", Text: "The server is shutting down, connect again"}
	endClosed  = &conns.Ending{Reason: "drain"}
	endIdle    = &conns.Ending{Reason: "idle", Text: "Nothing was asked for too long"}
	endUnread  = &conns.Ending{Reason: "stalled", Text: "Replies were not read for too long"}
	endUnsent  = &conns.Ending{Reason: "stalled", Text: "Nothing more of what was begun to be sent has come for too long"}
	endUntaken = &conns.Ending{Reason: "stalled", Text: "Nothing of what was sent could be dealt with for too long"}
	endLogin   = &conns.Ending{Reason: "login timeout", Text: "Logging in took too long"}
	endEvicted = &conns.Ending{Reason: "limit"}
	endHandles = &conns.Ending{Reason: "limit", Text: "Too many open files"}
	endUser    = &conns.Ending{Reason: "ended", Text: "Your account may not be used any more"}
	endFailed  = &conns.Ending{Reason: "error", Text: "The server has failed, connect again"}
	endNotSSH  = &conns.Ending{Reason: "protocol", Text: "This is an SSH server for SFTP and scp"}
)

// endGrace is how long a client may take to leave after it was told to.
const endGrace = 2 * time.Second

// end ends the connection: the client is told why, and its channels are
// closed, upon which it leaves. It is closed a moment later if it does not.
// Only the first call counts.
//
// A message of SSH for this exists (SSH_MSG_DISCONNECT), but x/crypto has no way to
// send it once a user has logged in.
func (c *Conn) end(e *conns.Ending) {
	c.mu.Lock()
	if c.ending != nil {
		c.mu.Unlock()
		return
	}
	c.ending = e
	loggedIn := c.sshConn != nil
	channels := make([]*channel, 0, len(c.channels))
	for ch := range c.channels {
		channels = append(channels, ch)
	}
	c.mu.Unlock()
	c.cancel()
	if !loggedIn || len(channels) == 0 {
		c.wire.Close()
		return
	}
	for _, ch := range channels {
		// A client that does not read blocks this, and no more than this.
		go ch.end(e)
	}
	time.AfterFunc(endGrace, c.wire.Abort)
}

// abort ends the connection at once, cutting what runs. The client is not told.
func (c *Conn) abort(e *conns.Ending) {
	c.end(e)
	c.wire.Abort()
}

func (c *Conn) close() { c.abort(endClosed) }

// Abort ends the connection at once and without a word, to make room for others;
// SessionRecord.Reason is "limit". It waits neither for the client nor for what
// is being served, and may be called from any goroutine, more than once, and
// by Hooks.Connect of another connection.
func (c *Conn) Abort() { c.abort(endEvicted) }

// failed logs a panic, and ends the connection that it happened in.
func (c *Conn) failed(what string, panicked any) {
	c.log.Error(what+" failed", "panic", panicked, "stack", string(debug.Stack()))
	c.end(endFailed)
}

// contain is deferred by each goroutine of a connection, so that a panic ends
// that connection, and not the sessions of all.
func (c *Conn) contain(what string) {
	if p := recover(); p != nil {
		c.failed(what, p)
	}
}

// whyEnded returns the ending, or nil if the server did not end it.
func (c *Conn) whyEnded() *conns.Ending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// reasons of SSH_MSG_DISCONNECT (RFC 4253 section 11.1)
const (
	msgDisconnect             = 1
	disconnectByApplication   = 11
	disconnectProtocolVersion = 8
)

// refuse sends SSH_MSG_DISCONNECT in place of a key exchange, and closes the
// connection when the client has, or a second later: closed before the client's
// first words were read, it would be reset, and the message lost.
func (w *wire) refuse(version string, reason uint32, text string) {
	defer w.Close()
	w.SetDeadline(time.Now().Add(time.Second))
	var e encoder
	e.b = append(e.b, version...)
	e.b = append(e.b, "\r\n"...)
	e.b = append(e.b, plainPacket(disconnectPayload(reason, text))...)
	if _, err := w.Conn.Write(e.b); err != nil {
		return
	}
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	io.CopyN(io.Discard, w.Conn, maxKexInit)
}

func disconnectPayload(reason uint32, text string) []byte {
	var e encoder
	e.byte(msgDisconnect)
	e.uint32(reason)
	e.string(text)
	e.string("en")
	return e.b
}

// plainPacket wraps a payload as a packet without encryption (RFC 4253 section 6).
func plainPacket(payload []byte) []byte {
	const block = 8
	padding := block - (5+len(payload))%block
	if padding < 4 {
		padding += block
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+padding))
	b = append(b, byte(padding))
	b = append(b, payload...)
	return append(b, make([]byte, padding)...)
}
