package ftp

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
)

// serve serves one control connection.
func (s *Server) serve(nc net.Conn, opts ListenerOptions) {
	setOptions(nc)
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
		c.reply(e.Code, e.Text)
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
	c.reply(220, c.settings().Greeting)
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

// next returns the next command line. While it waits, it ends what has taken too long:
// the running job, or the session, with a *conns.Ending that says why.
func (c *Conn) next() ([]byte, error) {
	for {
		at, why := c.deadline()
		c.raw.SetReadDeadline(at)
		if err := c.mustStop(); err != nil {
			return nil, err
		}
		if why != nil && !time.Now().Before(at) {
			if cause, ok := why.(*Error); ok {
				c.abortJob(cause)
				continue
			}
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

// setOptions sets those of the socket of a control connection. The kernel probes an idle
// one more often than balancers on the way forget it (240 s and more). Urgent data stays
// where it is in the stream: otherwise the kernel takes the last byte out of what clients
// send as such, ABOR or the Telnet Synch before it (RFC 959 section 4.1.3, RFC 854), of
// which a command line without its end would remain.
func setOptions(nc net.Conn) {
	socket := move.Socket(nc)
	if tc, ok := socket.(interface {
		SetKeepAliveConfig(net.KeepAliveConfig) error
	}); ok {
		_ = tc.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4})
	}
	if sc, ok := socket.(syscall.Conn); ok {
		if rc, err := sc.SyscallConn(); err == nil {
			_ = setOption(rc, syscall.SO_OOBINLINE)
		}
	}
}

// setOption turns an option of a socket on.
func setOption(rc syscall.RawConn, option int) (err error) {
	cerr := rc.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, option, 1) })
	return errors.Join(cerr, err)
}

// A panic ends the session in which it happens, and nothing else. It may come out of
// a backend, a file, a hook or the engine itself, on the control goroutine or on one
// that works for it: each of these runs its part within guard.

// guard runs f and reports whether f came to its end. If f panics, the session ends
// as soon as what else it does has ended, or failed for that reason.
func (c *Conn) guard(doing string, f func()) (ok bool) {
	defer func() {
		if !ok {
			c.stop(whenBroken)
		}
	}()
	return conns.Guard(c.server.opts.Logger, doing, f, func() []any { return []any{"session", c.id, "user", c.User()} })
}

// tell calls a hook, if there is one.
func tell[R any](c *Conn, name string, hook func(*Conn, R), record R) {
	if hook != nil {
		c.guard("hook "+name, func() { hook(c, record) })
	}
}
