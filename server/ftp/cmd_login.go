package ftp

import (
	"context"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
)

// RFC 959 section 4.1.1: access control.
var _ = register(map[string]*command{
	"USER": {(*Conn).cmdUser, noLogin | needArg | needsTLS, "name"},
	"PASS": {(*Conn).cmdPass, noLogin | needsTLS, "password"},
	"ACCT": {(*Conn).cmdAcct, noLogin, "account"},
	"REIN": {(*Conn).cmdRein, noLogin | anyTime, ""},
	"QUIT": {(*Conn).cmdQuit, noLogin | anyTime, ""},
})

// cmdUser starts a login, also in the middle of a session. Whether the user
// exists is not told.
func (c *Conn) cmdUser(user string) error {
	c.logout()
	c.state.user = user
	return c.reply(331, "Password required")
}

func (c *Conn) cmdPass(password string) error {
	if c.state.user == "" || c.state.session != nil {
		return &Error{503, "Send USER first"}
	}
	ctx, cancel := c.whilePresent()
	defer cancel()
	session, err := c.server.opts.Backend.Login(ctx, c, c.state.user, password)
	return c.loggedIn(session, err)
}

// whilePresent returns a context that ends when the client has left, though the
// control goroutine reads nothing until cancel is called: a login may have to wait
// for its turn.
func (c *Conn) whilePresent() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(c.ctx)
	var look func()
	look = func() {
		if move.Ended(c.raw) {
			cancel()
		} else if ctx.Err() == nil {
			time.AfterFunc(50*time.Millisecond, look)
		}
	}
	first := time.AfterFunc(50*time.Millisecond, look) // most take no time
	return ctx, func() {
		first.Stop()
		cancel()
	}
}

// loggedIn ends an attempt to log in.
func (c *Conn) loggedIn(session Session, err error) error {
	user := c.state.user
	c.state.user = ""
	if err == nil {
		err = c.begin(session, user)
	}
	tell(c, "Login", c.server.opts.Hooks.Login, LoginRecord{User: user, Err: err, Again: c.state.logins > 0})
	if err == nil {
		c.state.logins++
		return c.reply(230, "Logged in")
	}
	c.state.failed++
	limit := c.limits().MaxLoginAttempts
	if reply, known := replyTo(err); limit > 0 && c.state.failed >= limit && known {
		return &conns.Ending{Reason: "limit", Text: reply.Text + "; too many attempts"}
	}
	return err
}

// begin makes session that of the connection.
func (c *Conn) begin(session Session, user string) error {
	c.state.session, c.state.dir = session, "/"
	c.endWith(session)
	if limited, ok := session.(LimitedSession); ok {
		c.own.Change(limited.Limits)
		c.limits()
	}
	c.loginSince.Store(0)
	c.mu.Lock()
	c.user = user
	c.mu.Unlock()
	if refused := c.refusal(c.TLS()); refused != nil { // Set came in between
		c.logout()
		return refused
	}
	return nil
}

// logout ends the session of the user, if there is one, and forgets what
// belongs to it.
func (c *Conn) logout() {
	c.dropData()
	c.state.user, c.state.renameFrom, c.state.offset = "", "", 0
	if c.state.session == nil {
		return
	}
	c.state.logout() // whoever ends the session from here on means no other one
	session := c.state.session
	c.state.session = nil
	c.guard("closing a session", func() {
		if err := session.Close(); err != nil {
			c.server.opts.Logger.Error("closing a session failed", "user", c.User(), "session", c.id, "error", err)
		}
	})
	c.loginSince.Store(time.Now().UnixNano())
	c.state.beforeLogin = 0
	c.mu.Lock()
	user := c.user
	c.user = ""
	c.mu.Unlock()
	c.own.Change(nil)
	if c.ctx.Err() == nil {
		c.loggedOut(user)
	}
}

// loggedOut tells of what a user has done who has logged out, and begins anew.
func (c *Conn) loggedOut(user string) {
	r := c.sessionRecord(user)
	r.Reason = "logout"
	tell(c, "Logout", c.server.opts.Hooks.Logout, r)
	c.state.since, c.state.commands = time.Now(), 1 // the command that has logged out
	c.mu.Lock()
	c.downloaded, c.uploaded = 0, 0
	c.mu.Unlock()
}

// cmdAcct: no account is ever needed. 202 says so.
func (c *Conn) cmdAcct(string) error {
	return c.reply(202, "No account is needed")
}

// cmdRein starts over when a running transfer has finished (RFC 959 section 4.1.1),
// with TLS where it is in use: taking that away would be a downgrade.
func (c *Conn) cmdRein(string) error {
	c.awaitEnd()
	c.logout()
	c.state.parameters = c.defaultParameters()
	return c.reply(220, c.settings().Greeting)
}

// cmdQuit lets a running transfer finish. The goodbye is sent by the loop.
func (c *Conn) cmdQuit(string) error {
	c.stop(whenQuit)
	return nil
}
