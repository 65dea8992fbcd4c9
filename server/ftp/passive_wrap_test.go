package ftp_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

func TestPassiveListenersCanBeWrapped(t *testing.T) {
	t.Parallel()
	// As for the PROXY protocol: a wrapped connection knows better whose it is.
	opts := tenPorts()
	opts.WrapListener = func(ln net.Listener) net.Listener { return claimingListener{ln} }
	ts, pool := servePool(t, plain, opts, nil)
	ts.write("/f", "data")
	c := ts.login()
	addr := c.epsv()
	silent, err := dialFrom("127.0.0.2", addr) // never says who it is
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	conn, err := dialFrom("127.0.0.3", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s\n", c.conn.LocalAddr())
	c.command("RETR f", "150 ...")
	if data, _ := io.ReadAll(conn); string(data) != "data" {
		t.Errorf("got %q", data)
	}
	c.expect("226 ...")
	if s := pool.Stats(); s.Arrived != 1 {
		t.Errorf("%+v", s)
	}
}

// claimingListener lets a connection tell its remote address in a first line.
type claimingListener struct{ net.Listener }

func (l claimingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &claimingConn{Conn: conn}, nil
}

type claimingConn struct {
	net.Conn
	once sync.Once
	addr net.Addr
}

func (c *claimingConn) RemoteAddr() net.Addr {
	c.once.Do(func() {
		var line []byte
		for b := []byte{0}; b[0] != '\n'; line = append(line, b[0]) {
			if _, err := c.Read(b); err != nil {
				break
			}
		}
		if ap, err := netip.ParseAddrPort(strings.TrimSpace(string(line))); err == nil {
			c.addr = net.TCPAddrFromAddrPort(ap)
		} else {
			c.addr = c.Conn.RemoteAddr()
		}
	})
	return c.addr
}
