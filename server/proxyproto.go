package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

// headerWait is how long the PROXY protocol header of a trusted balancer may take. A
// balancer sends it at once, so this is time for a lost packet to be repeated. Health
// checks and clients inside of the trusted networks send none, and are greeted when
// it has passed; a header that comes still later ends the connection.
const headerWait = time.Second

// errForeignHeader is for a header from somebody who is not trusted, or one that
// comes too late to be believed.
var errForeignHeader = errors.New("a PROXY protocol header that is not believed")

// proxyListener wraps the listener of control connections so that those from a
// trusted balancer have the client's address, as its PROXY protocol header (versions
// 1 and 2) tells it. Connections from elsewhere are what they are, and wait for
// nothing; a header from there is not believed but ends the connection. Which
// balancers are trusted is asked for each connection; if there are none, no header
// is looked for. A header may take as long as wait says.
func proxyListener(trusted func() []netip.Prefix, wait time.Duration, l net.Listener) net.Listener {
	return &headerListener{Listener: l, trusted: trusted, wait: wait, foreign: func(c net.Conn) net.Conn {
		return &proxiedConn{Conn: c, unread: true}
	}}
}

// proxyDataListener does so for data connections. What comes from elsewhere may be a
// file of any content, so nothing in it is taken for a header.
func proxyDataListener(trusted []netip.Prefix, wait time.Duration) func(net.Listener) net.Listener {
	return func(l net.Listener) net.Listener {
		return &headerListener{
			Listener: l, trusted: func() []netip.Prefix { return trusted }, wait: wait,
			foreign: func(c net.Conn) net.Conn { return c },
		}
	}
}

type headerListener struct {
	net.Listener
	trusted func() []netip.Prefix
	wait    time.Duration           // for a header
	foreign func(net.Conn) net.Conn // what a connection from elsewhere becomes
}

func (l *headerListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	trusted := l.trusted()
	if len(trusted) == 0 {
		return conn, nil
	}
	if addr, ok := conn.RemoteAddr().(*net.TCPAddr); ok && matches(trusted, addr.AddrPort().Addr()) {
		return &proxiedConn{Conn: conn, expected: true, wait: l.wait}, nil
	}
	return l.foreign(conn), nil
}

// A proxiedConn is a connection that may begin with a header. Its addresses are
// those that the header tells, so asking for one waits for it.
type proxiedConn struct {
	net.Conn
	expected bool          // the header is believed
	wait     time.Duration // for it

	once   sync.Once
	header *proxyproto.Header // nil if there is none
	rest   *bufio.Reader      // what came together with the header, or nil
	err    error              // why the connection is of no use

	unread bool // nothing was read yet in which a header could be
}

// readHeader waits for the header.
func (c *proxiedConn) readHeader() error {
	if c.expected {
		c.once.Do(func() {
			if c.err = c.receiveHeader(); c.err != nil {
				c.Close()
			}
		})
	}
	return c.err
}

func (c *proxiedConn) receiveHeader() error {
	c.rest = bufio.NewReaderSize(c.Conn, 256)
	_ = c.Conn.SetReadDeadline(time.Now().Add(c.wait))
	header, err := proxyproto.Read(c.rest)
	_ = c.Conn.SetReadDeadline(time.Time{})
	switch {
	case errors.Is(err, proxyproto.ErrNoProxyProtocol):
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded) && c.rest.Buffered() == 0:
		c.unread = true
		return nil
	case err != nil:
		return fmt.Errorf("reading a PROXY protocol header: %w", err)
	case header.Command.IsLocal() || header.SourceAddr == nil:
		return nil // the balancer itself
	}
	if _, _, ok := header.TCPAddrs(); !ok {
		return fmt.Errorf("a PROXY protocol header is for %v", header.SourceAddr.Network())
	}
	c.header = header
	return nil
}

// Read is for one goroutine at a time.
func (c *proxiedConn) Read(p []byte) (int, error) {
	if err := c.readHeader(); err != nil {
		return 0, err
	}
	if c.rest != nil {
		if c.rest.Buffered() > 0 {
			return c.rest.Read(p)
		}
		c.rest = nil
	}
	n, err := c.Conn.Read(p)
	if n > 0 && c.unread {
		c.unread = false
		if bytes.HasPrefix(p[:n], []byte("PROXY ")) || bytes.HasPrefix(p[:n], proxyproto.SIGV2) {
			c.Close()
			return 0, errForeignHeader
		}
	}
	return n, err
}

func (c *proxiedConn) Write(p []byte) (int, error) {
	if err := c.readHeader(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *proxiedConn) RemoteAddr() net.Addr {
	if c.readHeader() == nil && c.header != nil {
		return c.header.SourceAddr
	}
	return c.Conn.RemoteAddr()
}

func (c *proxiedConn) LocalAddr() net.Addr {
	if c.readHeader() == nil && c.header != nil {
		return c.header.DestinationAddr
	}
	return c.Conn.LocalAddr()
}

// NetConn returns the connection itself, for options of its socket.
func (c *proxiedConn) NetConn() net.Conn { return c.Conn }

// CloseWrite ends what is sent.
func (c *proxiedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
