package sftp

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/time/rate"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// serveConn serves a connection from its first byte to its last.
func (s *Server) serveConn(nc net.Conn, opts ListenerOptions) {
	c := &Conn{
		server:   s,
		id:       s.conns.NextID(),
		listener: opts,
		start:    time.Now(),
		wire:     newWire(nc),
		channels: map[*channel]struct{}{},
		draining: make(chan struct{}),

		exchanges: rate.NewLimiter(exchangeRate, exchangeBurst),
		remote:    conns.AddrPort(nc.RemoteAddr()),
		local:     conns.AddrPort(nc.LocalAddr()),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	defer c.cancel()
	c.log = s.logger().With("remote", c.remote.String())
	defer c.contain("serving a connection")
	c.wire.inflow.dry = c.dry
	c.activity.touch()
	defer c.wire.Close()
	if !s.conns.Add(c) {
		c.wire.refuse(identification, disconnectByApplication, endDrain.Text)
		return
	}
	defer s.conns.Remove(c)
	if s.opts.Hooks.Connect != nil {
		if err := s.opts.Hooks.Connect(c); err != nil {
			if e, ok := errors.AsType[*Error](err); ok {
				c.wire.refuse(identification, disconnectByApplication, e.Text)
			}
			return
		}
	}
	reason := c.serve()
	if s.opts.Hooks.Disconnect != nil {
		s.opts.Hooks.Disconnect(c, c.record(reason))
	}
}

// identification is what the server calls itself (RFC 4253 section 4.2).
const identification = "SSH-2.0-fileserver"

// serve serves a connection that was accepted, and returns why it ended.
func (c *Conn) serve() (reason string) {
	defer func() {
		if p := recover(); p != nil {
			c.failed("serving a connection", p)
			reason = endFailed.Reason
		}
	}()
	if limit := c.limits().LoginTimeout; limit > 0 {
		timer := time.AfterFunc(limit, func() { c.end(endLogin) })
		defer timer.Stop()
		return c.loginAndServe(timer.Stop)
	}
	return c.loginAndServe(func() bool { return true })
}

// loginAndServe calls loggedIn once the user is, and serves what then comes.
func (c *Conn) loginAndServe(loggedIn func() bool) string {
	conn, session, chans, reqs, err := c.login()
	if err != nil {
		c.log.Debug("a login did not succeed", "error", err)
		return c.reason(err)
	}
	defer session.Close()
	defer c.server.leave(c)
	// Before the session is closed, all that uses it has to be over.
	defer c.work.Wait()
	defer c.wire.Close()
	defer c.cancel()
	if !loggedIn() {
		return endLogin.Reason
	}
	c.activity.touch()
	c.work.Go(func() { c.watch(session) })
	c.work.Go(func() { c.announceHostKeys(conn) })
	return c.reason(c.dispatch(conn, session, chans, reqs))
}

// dispatch starts what the client asks for. It may have to wait for a client
// that does not read the answers; what ends the connection is done by watch.
func (c *Conn) dispatch(conn *ssh.ServerConn, session Session, chans <-chan ssh.NewChannel, reqs <-chan *ssh.Request) error {
	for {
		select {
		case nc, ok := <-chans:
			if !ok {
				return c.wait(conn)
			}
			c.openChannel(nc, session)
		case req, ok := <-reqs:
			if !ok {
				return c.wait(conn)
			}
			c.globalRequest(conn, req)
		}
	}
}

// wait returns why SSH has ended, when all goroutines of x/crypto have.
func (c *Conn) wait(conn *ssh.ServerConn) error {
	c.wire.Close()
	drainSSH(conn.Conn)
	return conn.Wait()
}

// globalRequest answers a request that belongs to no channel. That it came is
// no activity by itself: see Limits.CountKeepAlives.
func (c *Conn) globalRequest(conn *ssh.ServerConn, req *ssh.Request) {
	switch req.Type {
	case "hostkeys-prove-00@openssh.com":
		req.Reply(c.proveHostKeys(conn, req.Payload))
	default:
		// tcpip-forward and the like are refused; keepalive@openssh.com wants
		// no more than an answer.
		req.Reply(false, nil)
	}
}

// reason says why the connection ended, given the error that ended it.
func (c *Conn) reason(err error) string {
	if e := c.whyEnded(); e != nil {
		return e.Reason
	}
	var failed *ssh.ServerAuthError
	var noAlgorithm *ssh.AlgorithmNegotiationError
	var netErr net.Error
	switch {
	case errors.As(err, &noAlgorithm):
		return "algorithms"
	case errors.As(err, &failed):
		return "login failed"
	case err == nil, errors.Is(err, io.EOF), isDisconnect(err):
		return "quit"
	case errors.Is(err, errNotSSH):
		return endNotSSH.Reason
	case errors.As(err, &netErr), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "lost"
	}
	return "protocol"
}

// record describes the connection that has ended.
func (c *Conn) record(reason string) SessionRecord {
	r := SessionRecord{
		User: c.User(), Client: c.ClientVersion(), Start: c.start, Duration: time.Since(c.start), Probe: !c.wire.packet,
		Commands: int(c.stats.commands.Load()), Downloaded: c.stats.downloaded.Load(), Uploaded: c.stats.uploaded.Load(),
		FailedLogins: int(c.stats.failedLogins.Load()), Reason: reason,
	}
	c.mu.Lock()
	conn := c.sshConn
	c.mu.Unlock()
	if conn != nil {
		if a, ok := conn.Conn.(ssh.AlgorithmsConnMetadata); ok {
			algorithms := a.Algorithms()
			r.KeyExchange, r.HostKey, r.Cipher = algorithms.KeyExchange, algorithms.HostKey, algorithms.Write.Cipher
		}
	}
	return r
}
