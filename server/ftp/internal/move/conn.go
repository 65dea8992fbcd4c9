package move

import (
	"context"
	"crypto/fips140"
	"crypto/tls"
	"io"
	"net"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move/tlsrecord"
)

// A Conn is a data connection, with TLS or without. One goroutine at a time sends or
// receives. Abort is for all.
type Conn struct {
	raw     net.Conn
	buffers *Buffers

	tls     *tls.Conn // nil without
	state   tls.ConnectionState
	secret  tlsrecord.ClientSecret
	below   *batch   // lies between tls and raw
	records *records // opens what comes in place of tls, once something is received
	opened  bool     // it is decided whether records does

	sealed int // bytes that below holds sealed
	told   int // how many of these Send has told
}

// New returns a data connection without TLS.
func New(raw net.Conn, buffers *Buffers) *Conn { return &Conn{raw: raw, buffers: buffers} }

// NewTLS does the handshake of a data connection with TLS, as the server that serve
// returns: over conn, with its secrets written to secrets. When ctx ends before, raw is
// closed, by a goroutine that is there only then.
func NewTLS(ctx context.Context, raw net.Conn, buffers *Buffers, serve func(conn net.Conn, secrets io.Writer) *tls.Conn) (*Conn, error) {
	c := &Conn{raw: raw, buffers: buffers, below: &batch{Conn: raw, buffers: buffers}}
	c.tls = serve(c.below, &c.secret)
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	err := c.tls.Handshake()
	if !stop() {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	c.below.handshaken = true
	c.state = c.tls.ConnectionState()
	return c, nil
}

// Raw is the connection below any TLS.
func (c *Conn) Raw() net.Conn { return c.raw }

// TLS is the state of TLS, or nil without.
func (c *Conn) TLS() *tls.ConnectionState {
	if c.tls == nil {
		return nil
	}
	return &c.state
}

// Send sends p, or as much of it as goes by then. What is left has to be sent next: it
// may be on its way already.
func (c *Conn) Send(p []byte, by time.Time) (int, error) {
	if err := c.raw.SetWriteDeadline(by); err != nil {
		return 0, &ConnError{err}
	}
	if c.tls == nil {
		n, err := c.raw.Write(p)
		return n, ofConn(err)
	}
	sent := 0
	for sent < len(p) {
		if c.told == c.sealed {
			c.sealed, c.told = min(len(p)-sent, c.below.room()), 0
			if err := c.below.hold(c.tls, p[sent:sent+c.sealed]); err != nil {
				return sent, ofConn(err)
			}
		}
		err := c.below.flush()
		// Of records that are on their way, as much counts as has been sent of them.
		n := min(c.below.share(c.sealed)-c.told, len(p)-sent)
		sent, c.told = sent+n, c.told+n
		if err != nil {
			return sent, ofConn(err)
		}
	}
	return sent, nil
}

// Receive receives into p what has come, and waits for something until then. Its error
// is io.EOF at the end of what is sent, with close_notify or without. A connection that
// ends within a record of TLS has failed, with io.ErrUnexpectedEOF.
func (c *Conn) Receive(p []byte, by time.Time) (int, error) {
	if !c.opened {
		c.opened = true
		c.openRecords()
	}
	if err := c.raw.SetReadDeadline(by); err != nil {
		return 0, &ConnError{err}
	}
	var n int
	var err error
	switch {
	case c.records != nil:
		n, err = c.records.Read(p)
	case c.tls != nil:
		n, err = c.tls.Read(p)
	default:
		n, err = c.raw.Read(p)
	}
	if n > 0 && err == io.EOF {
		err = nil // it comes again
	}
	return n, ofConn(err)
}

// openRecords has records read without crypto/tls where that is possible. In FIPS mode it
// is not: what is validated is the module's own TLS.
func (c *Conn) openRecords() {
	if c.tls == nil || fips140.Enabled() {
		return
	}
	if opener := tlsrecord.NewOpener(&c.state, &c.secret); opener != nil {
		c.records = newRecords(c.raw, opener, c.buffers)
	}
}

// Notified reports whether the end of what is received was close_notify, which no kernel
// sends for a client that was killed.
func (c *Conn) Notified() bool {
	if c.records != nil {
		return c.records.ended == io.EOF
	}
	return c.tls != nil && !c.below.ended
}

// Silence is how long nothing has come.
func (c *Conn) Silence() time.Duration { return silence(c.raw) }

// Ended reports whether no more will come than has come already.
func Ended(conn net.Conn) bool {
	p := Look(conn)
	return p == HalfClosed || p == Reset
}

// Finish ends the connection after a transfer that has succeeded. With TLS, the client
// may close first: see Linger.
func (c *Conn) Finish(within time.Duration) {
	if c.tls == nil {
		c.raw.Close()
		return
	}
	// Without close_notify GnuTLS takes the file for truncated.
	SendCloseNotify(c.tls, c.raw, within)
	if half, ok := c.raw.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

// SendCloseNotify sends close_notify. crypto/tls gives the client 5 s to take it, whatever
// deadline there is.
func SendCloseNotify(t *tls.Conn, raw net.Conn, within time.Duration) {
	past := time.AfterFunc(within, func() { raw.SetWriteDeadline(time.Unix(1, 0)) })
	defer past.Stop()
	t.CloseWrite()
}

// Abort closes the connection. Whoever sends or receives fails.
func (c *Conn) Abort() { c.raw.Close() }

// Linger closes a connection with TLS when the client has closed it too, or at the time
// by. A close while bytes of the client are unread (its close_notify, say) would be a
// reset, which can overtake data that the client has not read yet.
func (c *Conn) Linger(by time.Time) {
	defer c.raw.Close()
	c.raw.SetReadDeadline(by)
	var b [64]byte
	for {
		if _, err := c.raw.Read(b[:]); err != nil {
			return
		}
	}
}

// Release gives buffers back. Nothing may be sent or received afterwards.
func (c *Conn) Release() {
	if c.below != nil {
		c.below.release()
	}
	if c.records != nil {
		c.records.release()
	}
}
