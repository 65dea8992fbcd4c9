package ftp

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// serveConn serves one control connection.
func (s *Server) serveConn(nc net.Conn, opts ListenerOptions) {
	defer nc.Close()
	conns.Guard(s.logger(), "serving a connection", func() { s.serve(nc, opts) })
}

func (s *Server) serve(nc net.Conn, opts ListenerOptions) {
	setKeepAlive(nc)
	keepUrgent(nc)
	_, direct := nc.(*net.TCPConn)
	c := &Conn{
		server: s,
		origin: origin{
			id: s.conns.NextID(), listener: opts, started: time.Now(), direct: direct,
			remote: conns.AddrPort(nc.RemoteAddr()), local: conns.AddrPort(nc.LocalAddr()),
		},
		control:   control{raw: nc, nc: nc},
		attention: attention{noticed: make(chan struct{}, 1)},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.state.parameters, c.state.since = c.defaultParameters(), c.started
	c.active.Store(c.started.UnixNano())
	c.loginSince.Store(c.started.UnixNano())
	defer c.raw.Close()
	defer c.cancel()
	if !s.conns.Add(c) {
		c.refuse(&Error{421, stopDrain.Text})
		return
	}
	defer s.conns.Remove(c)
	if hook := s.opts.Hooks.Connect; hook != nil {
		refusal := error(stopBroken)
		c.guard("hook Connect", func() { refusal = hook(c) })
		if refusal != nil {
			c.refuse(refusal)
			return
		}
	}
	defer c.finish()
	if !c.guard("serving a session", c.dialogue) {
		c.state.end("error")
	}
}

// refuse tells the client of an *Error, before any TLS.
func (c *Conn) refuse(err error) {
	if e := (*Error)(nil); errors.As(err, &e) && !c.listener.Implicit {
		c.send(e.Code, e.Text)
	}
}

// dialogue greets the client and serves its commands.
func (c *Conn) dialogue() {
	if c.listener.Implicit {
		if err := c.startTLS(); err != nil {
			c.state.end("lost")
			return
		}
	}
	c.reply(220, c.greeting())
	for c.state.reason == "" {
		line, err := c.next()
		switch {
		case err == nil:
			if !c.guard("serving a command", func() { c.handle(string(line)) }) {
				c.fail("", stopBroken)
			}
		case errors.Is(err, errLineTooLong):
			c.state.commands++
			c.fail("", c.garbage(&Error{500, "Command line too long"}))
		case errors.Is(err, errFlood):
			c.state.commands++
			c.fail("", &conns.Ending{Reason: "garbage", Text: "Command line too long"})
		default:
			c.leave(err)
		}
	}
}

func (c *Conn) greeting() string {
	if c.server.opts.Greeting != "" {
		return c.server.opts.Greeting
	}
	return "FTP server ready"
}

// next returns the next command line. While it waits, it ends the session when
// that has been idle for too long or has to stop, with a *conns.Ending that says
// why; the idle timer rests during transfers.
func (c *Conn) next() ([]byte, error) {
	for {
		if _, stalled := c.stalledAt(); stalled {
			c.abortJob(errStalled)
		}
		if by, waits := c.connectedBy(); waits && !time.Now().Before(by) {
			c.abortJob(errNoConnection)
		}
		at, why := c.deadline()
		c.raw.SetReadDeadline(at)
		if err := c.mustStop(); err != nil {
			return nil, err
		}
		if why != nil && !time.Now().Before(at) {
			return nil, why
		}
		c.waitFor(forCommand)
		line, err := c.in.readLine(c.nc, c.limits().MaxLineLength)
		c.waits.Store(forNothing)
		switch {
		case err == nil && c.stopped.Load() == whenQuit:
			// What follows QUIT is ignored.
		case errors.Is(err, os.ErrDeadlineExceeded):
			// Woken, or time is up: the loop finds out.
		case err == nil:
			// What comes at the moment of being woken is read all the same.
			if err := c.mustStop(); err != nil {
				return nil, err
			}
			return line, nil
		default:
			return line, err
		}
	}
}

// setKeepAlive makes the kernel probe an idle control connection more often
// than balancers on the way forget it (240 s and more).
func setKeepAlive(nc net.Conn) {
	if tc, ok := socketOf(nc).(interface {
		SetKeepAliveConfig(net.KeepAliveConfig) error
	}); ok {
		tc.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4})
	}
}

// socketOf returns the connection below all wrappers that tell what they wrap.
func socketOf(nc net.Conn) net.Conn {
	for {
		wrapper, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			return nc
		}
		nc = wrapper.NetConn()
	}
}
