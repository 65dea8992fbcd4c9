package ftp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// A dataSource is where the next data connection comes from: a [passive.Wait], or an
// activeTarget.
type dataSource interface {
	Next(ctx context.Context, timeout time.Duration) (net.Conn, error)
	Several() bool
	Later(func(net.Conn))
	Arrived()
	Close()
}

// setData replaces the data source. The previous one is dropped, so that a
// client that sends PASV again and again holds one port.
func (c *Conn) setData(d dataSource) {
	c.dropData()
	c.state.data = d
}

func (c *Conn) dropData() {
	if c.state.data != nil {
		c.state.data.Close()
	}
	c.state.data = nil
}

// dataReady returns an error if no transfer could start now.
func (c *Conn) dataReady() error {
	switch {
	case c.protectionMissing():
		return errUnprotected
	case c.state.data == nil:
		return errNoDataSource
	}
	return nil
}

// openData makes the data connection of a transfer.
func (c *Conn) openData(j *job, src dataSource) (*move.Conn, error) {
	defer src.Close()
	timeout, check := orForever(c.limits().DataTimeout), c.settings().PeerCheck
	wait, isPassive := src.(*passive.Wait)
	if isPassive && (check == PeerAddress || check == PeerTLSSession && j.plain) {
		// The port may have been opened for any address, because TLS was to tell whose
		// connection it is. Without TLS, the address has to.
		wait.Only(c.remote.Addr())
	}
	conn, err := src.Next(j.ctx, timeout)
	if err != nil {
		return nil, err
	}
	d := move.New(conn, &c.server.buffers)
	if !j.plain {
		r := &race{conn: c, job: j}
		_, r.must = c.resumes.wanted()
		r.must = r.must || isPassive && check == PeerTLSSession
		if d, err = r.winner(conn, src, timeout); err != nil {
			return nil, err
		}
	}
	src.Arrived()
	return d, j.attach(d.Raw())
}

// ownsLineage reports whether a TLS session belongs to this client: to this
// control connection or to another one of the same user. The second is for
// clients that use several connections and share their tickets among them.
func (c *Conn) ownsLineage(l lineage) bool {
	c.mu.Lock()
	own, user := c.lineage, c.user
	c.mu.Unlock()
	if l == own {
		return true
	}
	for _, other := range c.server.conns.All() {
		other.mu.Lock()
		match := other.lineage == l && other.user == user
		other.mu.Unlock()
		if match {
			return true
		}
	}
	return false
}

// dataTickets returns what the handshake of a data connection begins with.
func (c *Conn) dataTickets(j *job, must bool) *tickets {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &tickets{own: c.lineage, upload: j.direction == Upload, must: must}
}

// dataTLS does the TLS handshake of a data connection, as the server even when
// the connection is active (RFC 4217 section 7). Resumed is whether it resumes a session
// of this client.
func (c *Conn) dataTLS(ctx context.Context, conn net.Conn, t *tickets) (d *move.Conn, resumed bool, err error) {
	d, err = move.NewTLS(ctx, conn, &c.server.buffers, func(conn net.Conn, secrets io.Writer) *tls.Conn {
		return c.tlsServer(conn, t, secrets)
	})
	if err != nil {
		c.server.opts.Logger.Debug("TLS handshake on data connection failed", "remote", c.remote, "user", c.User(), "error", err)
		return nil, false, &Error{522, "TLS negotiation failed on the data connection"}
	}
	return d, d.TLS().DidResume && c.ownsLineage(t.offered), nil
}

// linger waits for a client to close its end of a data connection with TLS. One that closes
// none, and goes on with the next transfer, has a few linger at a time and no more.
func (c *Conn) linger(d *move.Conn) {
	const most = 8
	defer d.Abort()
	defer c.lingering.Add(-1)
	if c.lingering.Add(1) <= most {
		d.Linger(time.Now().Add(2 * time.Second))
	}
}

// An activeTarget is where the client listens for a data connection.
type activeTarget struct {
	addr  netip.AddrPort
	local net.TCPAddr // where to connect from
}

// Of one that is made there is no more.
func (t *activeTarget) Several() bool        { return false }
func (t *activeTarget) Later(func(net.Conn)) {}
func (t *activeTarget) Arrived()             {}
func (t *activeTarget) Close()               {}

// Next connects to the client. Several connections leave from the one data port
// at a time, which the system allows when they lead to different places. To
// one and the same it does only when an earlier one is forgotten (TIME_WAIT),
// so that is waited for.
func (t *activeTarget) Next(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	const pause = 50 * time.Millisecond
	d := net.Dialer{
		LocalAddr: &t.local, Timeout: timeout, KeepAlive: -1,
		Control: func(_, _ string, rc syscall.RawConn) error { return setOption(rc, syscall.SO_REUSEADDR) },
	}
	deadline := time.Now().Add(timeout)
	for {
		conn, err := d.DialContext(ctx, "tcp", t.addr.String())
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		taken := errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EADDRNOTAVAIL)
		if !taken || time.Until(deadline) < pause {
			return nil, &Error{425, "Cannot open the data connection"}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
	}
}
