package ftp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
)

// From which point on a session has to end. Each is stronger than those before.
const (
	keepGoing    int32 = iota
	whenQuit           // the client said QUIT: after the transfer
	whenDraining       // the server is shut down: after the transfer
	whenBroken         // something has panicked: after the transfer
	atOnce             // the host wants it
)

// endTime is how long a session that ends may take to say so to its client, and to
// end its transfer, until the client is cut off.
const endTime = 2 * time.Second

// stop makes the session end. It may be called from any goroutine, and waits for
// nothing.
func (c *Conn) stop(reason int32) {
	for {
		old := c.stopped.Load()
		if old >= reason {
			break
		}
		if c.stopped.CompareAndSwap(old, reason) && reason == atOnce {
			// The control goroutine may be at a write, or at a file.
			time.AfterFunc(endTime, c.cutOff)
		}
	}
	if reason == atOnce {
		if j := c.current.Load(); j != nil {
			j.abort(errAborted)
		}
	}
	c.wake()
}

// cutOff ends what the session does with its client and all that waits for that.
func (c *Conn) cutOff() {
	c.cancel()
	c.raw.Close()
}

// wake makes the control goroutine look around: a deadline in the past
// interrupts its read. Whoever wakes it has to have stored before what is to
// be seen; the loop in next sets its own deadline before it looks.
func (c *Conn) wake() { c.raw.SetReadDeadline(time.Unix(1, 0)) }

// Why a session ends without the client having asked, and the end of one that has.
var (
	stopIdle   = &conns.Ending{Reason: "idle", Text: "Idle for too long, closing the connection"}
	stopLogin  = &conns.Ending{Reason: "login timeout", Text: "Login took too long, closing the connection"}
	stopDrain  = &conns.Ending{Reason: "drain", Text: "Server is shutting down, closing the connection"}
	stopBroken = &conns.Ending{Reason: "error", Text: "Internal error, closing the connection"}
	stopEnded  = &conns.Ending{Reason: "ended", Text: "Session ended by the server"}
	stopQuit   = &conns.Ending{Reason: "quit", Text: "Goodbye"}
)

// deadline returns when something is to be done if no command comes, and why: a
// *conns.Ending ends the session, and an *Error the running job. The idle timer rests
// during transfers.
func (c *Conn) deadline() (at time.Time, why error) {
	earlier := func(by time.Time, reason error) {
		if at.IsZero() || by.Before(at) {
			at, why = by, reason
		}
	}
	limits, j := c.limits(), c.activeJob()
	active, draining := time.Unix(0, c.active.Load()), c.stopped.Load() == whenDraining
	switch {
	case j == nil && limits.IdleTimeout > 0:
		earlier(active.Add(limits.IdleTimeout), stopIdle)
	case limits.IdleTimeout > 0:
		earlier(time.Now().Add(limits.IdleTimeout), nil) // to look again
	}
	if j != nil && j.data && limits.StallTimeout > 0 {
		// It ends by itself, unless a system call on the file does not return.
		since := time.Now()
		if moved := j.moving.Load(); moved != 0 {
			since = time.Unix(0, moved)
		}
		earlier(since.Add(limits.StallTimeout+2*tick), errStalled)
	}
	switch {
	case draining && j == nil && c.midway():
		// The client goes on soon, or not at all.
		earlier(active.Add(c.drainWait()), stopDrain)
	case draining && j != nil && j.data && j.phase.Load() == connecting:
		earlier(j.start.Add(c.drainWait()), errNoConnection)
	}
	if c.state.session == nil && limits.LoginTimeout > 0 {
		earlier(c.loginBy(), stopLogin)
	}
	return at, why
}

// mustStop returns an error if the session has to end now.
func (c *Conn) mustStop() error {
	reason := c.stopped.Load()
	if reason != atOnce && c.activeJob() != nil {
		return nil
	}
	switch reason {
	case whenBroken:
		return stopBroken
	case whenQuit:
		return stopQuit
	case whenDraining:
		if c.midway() {
			return nil
		}
		return stopDrain
	case atOnce:
		return stopEnded
	}
	return nil
}

// midway reports whether the client has asked for what only its next command
// completes: a data connection, a rename or an offset. A drain must not end the
// session then, because the client is in the middle of an exchange.
func (c *Conn) midway() bool {
	return c.state.data != nil || c.state.renameFrom != "" || c.state.offset > 0
}

// drainWait is how long a drain waits for a client that is midway, or whose data
// connection is to come. Nothing is cut then that the client could not begin
// elsewhere.
func (c *Conn) drainWait() time.Duration {
	const most = 4 * time.Second // with a packet or two lost
	return min(orForever(c.limits().DataTimeout), most)
}

// endWith ends the connection when session does, until c.state.logout is called.
func (c *Conn) endWith(session Session) {
	current, cancel := context.WithCancel(c.ctx)
	c.state.logout = func() {
		c.mu.Lock() // the next session is not the one that ends
		defer c.mu.Unlock()
		cancel()
	}
	ending, ok := session.(EndingSession)
	if !ok {
		return
	}
	done := ending.Done()
	go func() {
		select {
		case <-done:
			c.mu.Lock()
			defer c.mu.Unlock()
			if current.Err() == nil {
				c.endText = "This account may not be used here any more"
				c.stop(atOnce)
			}
		case <-current.Done():
		}
	}()
}

// leave ends the dialogue because of err.
func (c *Conn) leave(err error) {
	if errors.Is(err, io.EOF) && c.stopped.Load() == whenQuit {
		// The client has said all, and waits for the end of the transfer. If it
		// is gone, that shows when it is told.
		c.awaitEnd()
		err = stopQuit
	}
	ending, ok := errors.AsType[*conns.Ending](err)
	if !ok {
		c.state.end("lost")
		return
	}
	c.state.end(ending.Reason)
	c.parting.Store(true)
	code, text := 421, ending.Text
	switch ending {
	case stopQuit:
		code = 221
	case stopEnded:
		// The transfer may have started after stop looked for one.
		c.abortJob(errAborted)
		c.mu.Lock()
		if c.endText != "" {
			text = c.endText
		}
		c.mu.Unlock()
	}
	c.reply(code, text)
}

// loginBy returns when the login grace ends.
func (c *Conn) loginBy() time.Time {
	return time.Unix(0, c.loginSince.Load()).Add(orForever(c.limits().LoginTimeout))
}

// finish releases what the session holds. What the client does, or does not do, and
// what the file system does not return from, keeps no connection open; the session
// counts until it holds nothing any more.
func (c *Conn) finish() {
	cut := time.AfterFunc(endTime+c.server.opts.parting, c.cutOff)
	defer cut.Stop()
	j := c.current.Load()
	if j != nil {
		j.abort(errLost)
	}
	c.cancel()
	if j != nil {
		<-j.done
	}
	c.dropData()
	user := c.User()
	c.logout()
	if t, ok := c.nc.(*tls.Conn); ok {
		// Without close_notify GnuTLS reports an error. The client may not
		// read any more, so this must not wait for it.
		move.SendCloseNotify(t, c.raw, partingTime+c.server.opts.parting)
	}
	switch c.state.reason {
	case "limit", "garbage", stopDrain.Reason:
		c.discardRest()
	}
	tell(c, "Disconnect", c.server.opts.Hooks.Disconnect, c.sessionRecord(user))
}

// discardRest reads what a client goes on sending after it was told to go, for a
// moment: a close with unread data would be a reset, and take the reply along.
func (c *Conn) discardRest() {
	half, ok := c.raw.(interface{ CloseWrite() error })
	if !ok {
		return
	}
	half.CloseWrite()
	c.raw.SetReadDeadline(time.Now().Add(partingTime + c.server.opts.parting))
	io.CopyN(io.Discard, c.raw, 1<<20)
}

func (c *Conn) sessionRecord(user string) SessionRecord {
	r := SessionRecord{
		User: user, Start: c.state.since, Duration: time.Since(c.state.since),
		Commands: c.state.commands, FailedLogins: c.state.failed, Reason: c.state.reason,
	}
	if c.aborted.Load() {
		r.Reason = "limit"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.Downloaded, r.Uploaded = c.downloaded, c.uploaded
	if c.tls != nil {
		r.TLSVersion, r.CipherSuite, r.TLSServerName = c.tls.Version, c.tls.CipherSuite, c.tls.ServerName
	}
	return r
}
