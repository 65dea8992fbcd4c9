package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/cmd/kubectl-fileserver/internal/diagnose"
)

func addrPort(a diagnose.Attempt) netip.AddrPort { return netip.AddrPortFrom(a.IP, uint16(a.Port)) }

// list lists the top folder by a mode of data connections.
func (p *prober) list(ctx context.Context, c *control, a *diagnose.Attempt) (diagnose.Step, error) {
	if a.Mode == diagnose.PORT || a.Mode == diagnose.EPRT {
		return p.listActive(ctx, c, a)
	}
	var err error
	if a.Mode == diagnose.PASV {
		a.Told, err = c.pasv()
	} else {
		a.Told, err = c.epsv(a.IP)
	}
	if err != nil {
		return diagnose.Ask, err
	}
	return p.listAt(ctx, c, a)
}

// listAt lists the top folder by the passive port that was told.
func (p *prober) listAt(ctx context.Context, c *control, a *diagnose.Attempt) (diagnose.Step, error) {
	conn, err := p.dial(ctx, a.Told)
	if err != nil {
		a.ThereInstead = a.Told.Addr() != a.IP && p.answers(ctx, netip.AddrPortFrom(a.IP, a.Told.Port()))
		return diagnose.Data, err
	}
	defer conn.Close()
	if p.Expected.User.SeesNothing {
		return diagnose.Done, nil
	}
	if _, err := c.command("LIST", 125, 150); err != nil {
		return diagnose.Transfer, err
	}
	return p.receive(ctx, c, conn)
}

func (p *prober) answers(ctx context.Context, addr netip.AddrPort) bool {
	conn, err := p.dial(ctx, addr)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// receive reads a listing.
func (p *prober) receive(ctx context.Context, c *control, raw net.Conn) (diagnose.Step, error) {
	conn := raw
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	if c.tls != nil {
		protected := tls.Client(raw, c.tls)
		if err := protected.HandshakeContext(ctx); err != nil {
			return diagnose.Transfer, p.better(c, err)
		}
		conn = protected
	}
	const enough = 64 << 10 // of a folder that may be a large one
	deadline := time.Now().Add(p.Timeout)
	if err := conn.SetReadDeadline(deadline); err != nil {
		return diagnose.Transfer, err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(conn, enough))
	if err != nil {
		return diagnose.Transfer, p.better(c, err)
	}
	conn.Close()
	_, err = c.expect(226, 250)
	if r, ok := errors.AsType[*replyError](err); ok && r.code == 426 && n == enough {
		err = nil // it was this end that had enough
	}
	return diagnose.Transfer, err
}

// better is what the server says of a data connection, if it says something.
func (p *prober) better(c *control, err error) error {
	_, said := c.expect(226, 250)
	if r, ok := errors.AsType[*replyError](said); ok {
		return r
	}
	return err
}

// listActive has the server make the data connection.
func (p *prober) listActive(ctx context.Context, c *control, a *diagnose.Attempt) (diagnose.Step, error) {
	local, ok := c.conn.LocalAddr().(*net.TCPAddr)
	if !ok {
		return diagnose.Ask, &malformedError{"the control connection has no address"}
	}
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: local.IP, Zone: local.Zone})
	if err != nil {
		return diagnose.Ask, err
	}
	defer l.Close()
	here := l.Addr().(*net.TCPAddr).AddrPort()
	here = netip.AddrPortFrom(here.Addr().Unmap(), here.Port())
	if _, err := c.command(activeCommand(a.Mode, here), 200); err != nil {
		return diagnose.Ask, err
	}
	if p.Expected.User.SeesNothing {
		return diagnose.Done, nil
	}
	if _, err := c.command("LIST", 125, 150); err != nil {
		return diagnose.Transfer, err
	}
	if err := l.SetDeadline(time.Now().Add(p.Timeout)); err != nil {
		return diagnose.Data, err
	}
	conn, err := l.AcceptTCP()
	if err != nil {
		// The answer to LIST is still to come.
		return diagnose.Transfer, err
	}
	defer conn.Close()
	a.From = conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	return p.receive(ctx, c, conn)
}

func activeCommand(mode string, here netip.AddrPort) string {
	if mode == diagnose.PORT {
		return fmt.Sprintf("PORT %s,%d,%d", strings.ReplaceAll(here.Addr().String(), ".", ","), here.Port()>>8, here.Port()&0xff)
	}
	family := 1
	if here.Addr().Is6() {
		family = 2
	}
	return fmt.Sprintf("EPRT |%d|%s|%d|", family, here.Addr(), here.Port())
}
