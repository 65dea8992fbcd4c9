package sftp

import (
	"encoding/binary"
	"io"
	"runtime/debug"
	"time"
)

// An ending is why the server ends a connection.
type ending struct {
	reason string // for SessionRecord.Reason
	text   string // for the client
}

var (
	endDrain       = &ending{"drain", "The server is shutting down, connect again"}
	endClosed      = &ending{"drain", ""}
	endIdle        = &ending{"idle", "Nothing was asked for too long"}
	endStalled     = &ending{"stalled", "Replies were not read for too long"}
	endLogin       = &ending{"login timeout", "Logging in took too long"}
	endFull        = &ending{"limit", "Too many sessions, try again later"}
	endAddressFull = &ending{"limit", "Too many sessions from your address"}
	endEvicted     = &ending{"limit", ""}
	endHandles     = &ending{"limit", "Too many open files"}
	endUser        = &ending{"ended", "Your account may not be used any more"}
	endFailed      = &ending{"error", "The server has failed, connect again"}
	endNotSSH      = &ending{"protocol", "This is an SSH server for SFTP and scp"}
)

// endGrace is how long a client may take to leave after it was told to.
const endGrace = 2 * time.Second

// end ends the connection: the client is told why, and its channels are
// closed, upon which it leaves. It is closed a moment later if it does not.
// Only the first call counts.
//
// A message of SSH for this exists (SSH_MSG_DISCONNECT), but x/crypto has no way to
// send it once a user has logged in.
func (c *Conn) end(e *ending) {
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
func (c *Conn) abort(e *ending) {
	c.end(e)
	c.wire.Abort()
}

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
func (c *Conn) whyEnded() *ending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// reasons of SSH_MSG_DISCONNECT (RFC 4253 section 11.1)
const (
	msgDisconnect             = 1
	disconnectTooMany         = 12
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
