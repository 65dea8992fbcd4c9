package ftp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// RFC 959 section 4.1.2 and RFC 2428: where data connections are made.
var _ = register(map[string]*command{
	"PORT": {(*Conn).cmdPort, needArg, "h1,h2,h3,h4,p1,p2"},
	"EPRT": {(*Conn).cmdEprt, needArg, "|family|address|port|"},
	"PASV": {(*Conn).cmdPasv, 0, ""},
	"EPSV": {(*Conn).cmdEpsv, 0, "[1 or 2 or ALL]"},
})

var errEpsvAll = &Error{503, "Only EPSV is possible after EPSV ALL"} // RFC 2428 section 4

func (c *Conn) cmdPort(arg string) error {
	addr, err := parsePort(arg)
	if err != nil {
		return err
	}
	return c.activeData(addr)
}

func (c *Conn) cmdEprt(arg string) error {
	addr, err := parseEprt(arg)
	if err != nil {
		return err
	}
	return c.activeData(addr)
}

// activeData has the data connection be made to the client itself, and not to a port of a
// well-known service (RFC 2577 section 3). It leaves from the listener's data port, at the
// address of the control connection; if that is not an address of this host, because a
// proxy told it, the system chooses the address.
func (c *Conn) activeData(addr netip.AddrPort) error {
	switch {
	case c.state.epsvAll:
		return errEpsvAll
	case c.settings().NoActive:
		return &Error{504, "Active mode is not possible here: use EPSV or PASV"}
	case addr.Addr().Unmap() != c.remote.Addr() || addr.Port() < 1024:
		return &Error{504, "Data connections are made to the address of the control connection only, and to ports from 1024"}
	}
	target := &activeTarget{addr: addr, local: net.TCPAddr{Port: int(c.listener.DataPort)}}
	if c.direct {
		target.local.IP = c.local.Addr().AsSlice()
	}
	c.setData(target)
	return c.reply(200, "The data connection will be made there")
}

func (c *Conn) cmdPasv(string) error {
	if c.state.epsvAll {
		return errEpsvAll
	}
	addr, err := c.advertise(false)
	if err == nil && !addr.Is4() {
		err = &Error{425, "PASV is for IPv4: use EPSV"}
	}
	if err != nil {
		return err
	}
	port, err := c.awaitData()
	if err != nil {
		return err
	}
	h := addr.As4()
	return c.reply(227, fmt.Sprintf("Entering Passive Mode (%d,%d,%d,%d,%d,%d)",
		h[0], h[1], h[2], h[3], port>>8, port&0xff))
}

func (c *Conn) cmdEpsv(arg string) error {
	switch strings.ToUpper(arg) {
	case "", "1", "2":
		// The client connects to the address it knows, so its family is that
		// of the control connection, or the other one on a host that listens
		// on both.
		if listen := c.server.opts.Passive.ListenAddr(); arg != "" && listen.IsValid() {
			if family := familyOf(listen); arg != family {
				return &Error{522, "Network protocol not supported, use (" + family + ")"}
			}
		}
	case "ALL":
		c.state.epsvAll = true
		return c.reply(200, "Only EPSV from now on")
	default:
		return errProtocol
	}
	if _, err := c.advertise(true); err != nil {
		return err
	}
	port, err := c.awaitData()
	if err != nil {
		return err
	}
	return c.reply(229, fmt.Sprintf("Entering Extended Passive Mode (|||%d|)", port))
}

var errProtocol = &Error{522, "Network protocol not supported, use (1,2)"}

func familyOf(addr netip.Addr) string {
	if addr.Unmap().Is4() {
		return "1"
	}
	return "2"
}

// advertise returns the address for PASV, when a port may be advertised.
func (c *Conn) advertise(extended bool) (netip.Addr, error) {
	// The port of an earlier PASV may be the very one that is needed now.
	c.dropData()
	hook := c.server.opts.Advertise
	if hook == nil {
		return c.local.Addr(), nil
	}
	addr, err := hook(c.ctx, c, extended)
	switch {
	case c.ctx.Err() != nil:
		return addr, errLost
	case err != nil:
		c.server.opts.Logger.Warn("no passive port can be advertised", "session", c.id, "error", err)
		return addr, &Error{425, "No passive address is known, try again later"}
	}
	return addr.Unmap(), nil
}

// awaitData reserves a passive port, and returns the one to advertise.
func (c *Conn) awaitData() (port uint16, err error) {
	limits := c.limits()
	r := passive.Request{From: c.remote.Addr(), User: c.User(), Timeout: limits.DataTimeout, WhileQueued: c.whilePresent}
	switch check := c.settings().PeerCheck; {
	case check == PeerAny:
		r.From = netip.Addr{}
	case check == PeerTLSSession && c.state.protected:
		r.From, r.Several = netip.Addr{}, true
	}
	if shown, _ := c.resumes.wanted(); shown && c.state.protected {
		r.Several = true // whose it is will be seen
	}
	w, err := c.server.opts.Passive.Await(c.ctx, r, orForever(limits.PortWait))
	if err != nil {
		if !errors.Is(err, passive.ErrExhausted) {
			c.server.opts.Logger.Error("no passive port", "session", c.id, "error", err)
		}
		return 0, errPortWait
	}
	c.setData(w)
	return w.Port(), nil
}

// parsePort parses the argument of PORT: six decimal bytes.
func parsePort(arg string) (netip.AddrPort, error) {
	fields := strings.Split(arg, ",")
	if len(fields) != 6 {
		return netip.AddrPort{}, errSyntax
	}
	var b [6]byte
	for i, field := range fields {
		n, err := strconv.ParseUint(strings.TrimSpace(field), 10, 8)
		if err != nil {
			return netip.AddrPort{}, errSyntax
		}
		b[i] = byte(n)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), uint16(b[4])<<8|uint16(b[5])), nil
}

// parseEprt parses the argument of EPRT (RFC 2428 section 2). The delimiter is
// whatever comes first.
func parseEprt(arg string) (netip.AddrPort, error) {
	none := netip.AddrPort{}
	if len(arg) < 2 || arg[0] < 33 || arg[0] > 126 {
		return none, errSyntax
	}
	fields := strings.Split(arg, arg[:1])
	if len(fields) != 5 || fields[4] != "" {
		return none, errSyntax
	}
	if fields[1] != "1" && fields[1] != "2" {
		return none, errProtocol
	}
	addr, err := netip.ParseAddr(fields[2])
	port, perr := strconv.ParseUint(fields[3], 10, 16)
	if err != nil || perr != nil || familyOf(addr) != fields[1] && !addr.Is4In6() {
		return none, errSyntax
	}
	return netip.AddrPortFrom(addr.Unmap().WithZone(""), uint16(port)), nil
}
