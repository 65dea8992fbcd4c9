package ftp

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
)

// A dataSource is where the next data connection comes from: a passive wait or
// an active target.
type dataSource interface {
	// next returns a connection, made or accepted within timeout.
	next(ctx context.Context, timeout time.Duration) (net.Conn, error)
	passive() bool
	close()
}

// setData replaces the data source. The previous one is dropped, so that a
// client that sends PASV again and again holds one port.
func (c *Conn) setData(d dataSource) {
	c.dropData()
	c.state.data = d
}

func (c *Conn) dropData() {
	if c.state.data != nil {
		c.state.data.close()
		c.state.data = nil
	}
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
func (c *Conn) openData(j *job, src dataSource, protected bool) (*move.Conn, error) {
	defer src.close()
	timeout := orForever(c.limits().DataTimeout)
	check := c.server.currentPeerCheck()
	w, passive := src.(passiveSource)
	shown, must := c.resumes.wanted()
	must = protected && (must || passive && check == PeerTLSSession)
	if passive && protected && (must || shown) {
		return c.openResumed(j, w, must, timeout)
	}
	for {
		conn, err := src.next(j.ctx, timeout)
		if err != nil {
			return nil, err
		}
		// The port may have been opened for any address, because TLS was to tell
		// whose connection it is. Without TLS, the address has to.
		if passive && check != PeerAny && conns.AddrPort(conn.RemoteAddr()).Addr() != c.remote.Addr() {
			conn.Close()
			continue
		}
		if passive {
			w.Arrived() // the port is not needed any more
		}
		if err := j.attach(conn); err != nil {
			return nil, err
		}
		if !protected {
			return move.New(conn, &c.server.buffers), nil
		}
		ctx, cancel := context.WithTimeout(j.ctx, timeout)
		defer cancel()
		t := c.dataTickets(j)
		t.must = must
		d, err := c.dataTLS(ctx, conn, t)
		if err == nil {
			resumed := d.TLS().DidResume && c.ownsLineage(t.offered)
			if must && !resumed {
				err = errUnproven
			}
			c.resumes.note(d.TLS(), t, resumed)
		}
		if err != nil {
			conn.Close()
			return nil, j.err(err)
		}
		return d, nil
	}
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
func (c *Conn) dataTickets(j *job) *tickets {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &tickets{own: c.lineage, upload: j.direction == Upload}
}

// dataTLS does the TLS handshake of a data connection, as the server even when
// the connection is active (RFC 4217 section 7).
func (c *Conn) dataTLS(ctx context.Context, conn net.Conn, t *tickets) (*move.Conn, error) {
	d, err := move.NewTLS(ctx, conn, &c.server.buffers, func(conn net.Conn, secrets io.Writer) *tls.Conn {
		return c.tlsServer(conn, t, secrets)
	})
	if err != nil {
		c.server.logger().Debug("TLS handshake on data connection failed", "remote", c.remote, "user", c.User(), "error", err)
		return nil, &Error{522, "TLS negotiation failed on the data connection"}
	}
	return d, nil
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

// errForeign keeps PORT and EPRT from being used for attacks on others.
var errForeign = &Error{504, "Data connections are made to the address of the control connection only, and to ports from 1024"}

// isPeer reports whether an active data connection may go there (RFC 2577
// section 3): to the client itself, and not to a port of a well-known service.
func (c *Conn) isPeer(t activeTarget) bool {
	return t.addr.Addr().Unmap() == c.remote.Addr() && t.addr.Port() >= 1024
}
