package ftp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// An activeTarget is where the client listens for a data connection.
type activeTarget struct {
	addr  netip.AddrPort
	local net.TCPAddr // where to connect from
}

func (t activeTarget) passive() bool { return false }
func (t activeTarget) close()        {}

// activeTo returns a target that is reached from the listener's data port, at
// the address of the control connection. If that is not an address of this
// host, because a proxy told it, the system chooses the address.
func (c *Conn) activeTo(addr netip.AddrPort) activeTarget {
	t := activeTarget{addr: addr, local: net.TCPAddr{Port: int(c.listener.DataPort)}}
	if c.direct {
		t.local.IP = c.local.Addr().AsSlice()
	}
	return t
}

// next connects to the client. Several connections leave from the one data port
// at a time, which the system allows when they lead to different places. To
// one and the same it does only when an earlier one is forgotten (TIME_WAIT),
// so that is waited for.
func (t activeTarget) next(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	const pause = 50 * time.Millisecond
	d := net.Dialer{
		LocalAddr: &t.local, Timeout: timeout, KeepAlive: -1,
		Control: func(_, _ string, rc syscall.RawConn) (err error) {
			cerr := rc.Control(func(fd uintptr) {
				err = reuseAddr(fd)
			})
			return errors.Join(cerr, err)
		},
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
