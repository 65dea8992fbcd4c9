package sftp

import (
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// watch ends the connection for the reasons that there are, on a goroutine of
// its own. It never writes to the client, and waits for no lock that is held
// while somebody does: so no client can keep it from that.
func (c *Conn) watch(session Session) {
	defer c.contain("watching a connection")
	timer := time.NewTimer(0)
	defer timer.Stop()
	draining, done := c.draining, session.Done()
	for {
		replaced := c.server.limits.Replaced()
		period := c.watchPeriod()
		if draining == nil {
			period = min(period, 50*time.Millisecond)
		}
		timer.Reset(period)
		select {
		case <-c.ctx.Done():
			return
		case <-done:
			c.end(endUser)
			return
		case <-draining:
			draining = nil
			c.look(true)
		case <-timer.C:
			c.look(draining == nil)
		case <-replaced:
			c.look(draining == nil)
		}
	}
}

// watchPeriod is how often the limits of time are looked at.
func (c *Conn) watchPeriod() time.Duration {
	l, period := c.limits(), 15*time.Second
	for _, limit := range []time.Duration{l.IdleTimeout, l.StallTimeout} {
		if limit > 0 {
			period = min(period, max(limit/4, 5*time.Millisecond))
		}
	}
	return period
}

// look ends the connection if it is idle, stalled or drained.
func (c *Conn) look(draining bool) {
	c.wire.poke()
	stalled, why := c.stalled()
	switch l := c.limits(); {
	case draining && c.activity.drained(c.server.hurry.Load()):
		c.end(endDrain)
	case l.StallTimeout > 0 && stalled > l.StallTimeout:
		c.end(why)
		c.wire.Abort()
	case l.IdleTimeout > 0 && c.idle(l.CountKeepAlives) > l.IdleTimeout:
		c.end(endIdle)
	}
}

// idle returns for how long the client has asked for nothing. With keepAlives,
// all that it sends counts: the request that OpenSSH sends for this
// (keepalive@openssh.com), those of others, and SSH_MSG_IGNORE, as of PuTTY.
func (c *Conn) idle(keepAlives bool) time.Duration {
	idle := c.activity.idle()
	if keepAlives {
		idle = min(idle, time.Duration(sinceEpoch()-c.wire.heard.Load()))
	}
	return idle
}

// stalled returns for how long the client has taken nothing of what is sent to
// it, or sent nothing of what it has begun to send, or nothing was taken of as
// much as may come from it; and which of these it is.
func (c *Conn) stalled() (longest time.Duration, why *conns.Ending) {
	// While the network is slow, channels wait for it, and that is no stall, nor
	// is it when it has just taken what they waited for.
	full := time.Duration(sinceEpoch() - c.wire.full.Load())
	wire, writes := c.wire.stalled()
	if writes {
		return wire, endUnread
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	longest, why = c.wire.inflow.stalled(), endUntaken
	for ch := range c.channels {
		if unread := min(ch.unread(), full); unread > longest {
			longest, why = unread, endUnread
		}
		if unsent := min(ch.input.awaited(), full); unsent > longest {
			longest, why = unsent, endUnsent
		}
	}
	return longest, why
}

// drain has the connection ended as soon as that cuts nothing.
func (c *Conn) drain() {
	c.mu.Lock()
	loggedIn := c.sshConn != nil
	first := !c.drained
	c.drained = true
	c.mu.Unlock()
	if first {
		close(c.draining)
	}
	if !loggedIn {
		c.end(endDrain)
	}
}
