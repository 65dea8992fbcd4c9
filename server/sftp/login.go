package sftp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
)

// login exchanges versions and keys, and authenticates the user.
func (c *Conn) login() (*ssh.ServerConn, Session, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	fail := func(err error) (*ssh.ServerConn, Session, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
		return nil, nil, nil, nil, err
	}
	p, err := c.wire.readPrelude(identification)
	if err != nil {
		if errors.Is(err, errNotSSH) {
			c.wire.Conn.Write([]byte(endNotSSH.Text + "\r\n"))
		}
		return fail(err)
	}
	c.mu.Lock()
	c.client = printable(p.client)
	c.mu.Unlock()

	config, err := c.server.opts.Config(c)
	if err != nil {
		c.log.Error("configuring a connection failed", "error", err)
		return fail(err)
	}
	c.hostKeys = config.HostKeys
	a := &authenticator{c: c, config: config, algorithms: config.Algorithms.forClient(p.offers, config.HostKeys)}
	sc, err := a.serverConfig(p)
	if err != nil {
		c.log.Error("configuring a connection failed", "error", err)
		return fail(err)
	}
	var inner ssh.ConnMetadata
	sc.PreAuthConnCallback = func(conn ssh.ServerPreAuthConn) {
		inner = conn
		c.ahead.lift()
	}
	a.ctx, a.gone = context.WithCancel(c.ctx)
	defer a.gone()
	returned := false
	defer func() {
		if !returned { // it panics, in a backend or a hook
			c.wire.Close()
			drainSSH(inner)
			if a.session != nil {
				a.session.Close()
			}
		}
	}()
	conn, chans, reqs, err := ssh.NewServerConn(loginConn{c.wire, a.gone, &c.ahead}, sc)
	returned = true
	c.ahead.lift()
	if err != nil {
		c.wire.Close()
		drainSSH(inner)
		c.explain(err)
		a.ended(err)
		return fail(err)
	}
	session := a.session
	if l, ok := session.(LimitedSession); ok {
		c.own.Change(l.Limits)
	}
	c.account = c.server.enter(conn.User())
	c.wire.inflow.share(&c.account.parked)
	c.mu.Lock()
	c.user, c.session, c.sshConn = conn.User(), session, conn
	draining := c.drained
	c.mu.Unlock()
	if draining {
		c.end(endDrain)
	}
	return conn, session, chans, reqs, nil
}

// loginConn is the connection below SSH, which reads on while a credential is
// checked: so it notices when the client leaves.
type loginConn struct {
	net.Conn
	gone  func()
	ahead *ahead
}

func (c loginConn) Read(p []byte) (int, error) {
	size, err := c.ahead.allow(len(p))
	if err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p[:size])
	c.ahead.took(n)
	if err != nil {
		c.gone()
	}
	return n, err
}

// serverConfig is what x/crypto needs for this connection.
func (a *authenticator) serverConfig(p prelude) (*ssh.ServerConfig, error) {
	if err := a.algorithms.Validate(); err != nil {
		return nil, err
	}
	limits := a.c.limits()
	sc := &ssh.ServerConfig{
		ServerVersion:               identification,
		MaxAuthTries:                limits.MaxLoginAttempts,
		PublicKeyAuthAlgorithms:     a.algorithms.PublicKeys,
		PasswordCallback:            a.password,
		KeyboardInteractiveCallback: a.keyboardInteractive,
		PublicKeyCallback:           a.publicKey,
		VerifiedPublicKeyCallback:   a.verifiedPublicKey,
	}
	if limits.MaxLoginAttempts == 0 {
		sc.MaxAuthTries = -1
	}
	sc.KeyExchanges = a.algorithms.KeyExchanges
	sc.Ciphers = preferFast(a.algorithms.Ciphers, p.offers.ciphers)
	sc.MACs = a.algorithms.MACs
	if banner := a.config.Banner; banner != "" {
		banner = strings.TrimRight(banner, "\r\n") + "\r\n"
		sc.BannerCallback = func(ssh.ConnMetadata) string { return banner }
	}
	used := map[string]bool{}
	for _, key := range restrictHostKeys(a.config.HostKeys, a.algorithms.HostKeys) {
		// Of several keys of one type, the first is used, the others announced.
		if t := key.PublicKey().Type(); !used[t] {
			used[t] = true
			if m, ok := key.(ssh.MultiAlgorithmSigner); ok {
				key = exchangeSigner{m, a.c}
			}
			sc.AddHostKey(key)
		}
	}
	if len(used) == 0 {
		return nil, fmt.Errorf("no host key for the algorithms %s", strings.Join(a.algorithms.HostKeys, ", "))
	}
	return sc, nil
}

// printable returns what a client calls itself, fit for a log.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// isDisconnect reports whether the client has ended the connection with
// SSH_MSG_DISCONNECT. x/crypto has no name for this error.
func isDisconnect(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "ssh: disconnect, reason 11")
}
