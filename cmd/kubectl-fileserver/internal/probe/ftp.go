package probe

import (
	"context"
	"fmt"

	"github.com/fileserver-dev/fileserver-operator/cmd/kubectl-fileserver/internal/diagnose"
)

// tryFTP tries an endpoint of FTP or FTPS.
func (p *prober) tryFTP(ctx context.Context, a diagnose.Attempt) {
	p.Progress(fmt.Sprintf("%s at %s", a.Protocol, a.Where()))
	c := p.session(ctx, a)
	if c == nil {
		return
	}
	if !c.loggedIn {
		c.quit()
		return
	}
	modes := []string{diagnose.EPSV}
	if a.IP.Is4() {
		modes = append(modes, diagnose.PASV)
	}
	if p.Expected.Active {
		if a.IP.Is4() {
			modes = append(modes, diagnose.PORT)
		}
		modes = append(modes, diagnose.EPRT)
	}
	for _, mode := range modes {
		if c = p.try(ctx, c, a, mode); c == nil {
			return
		}
	}
	c.quit()
	if !p.covered[a.IP] {
		p.covered[a.IP] = true
		p.tryPorts(ctx, a)
	}
}

// session opens a control connection and logs in, and notes how that went; nil if it
// did not go well.
func (p *prober) session(ctx context.Context, a diagnose.Attempt) *control {
	c, step, err := p.open(ctx, &a)
	p.add(a, step, err)
	if err != nil {
		p.refused = p.refused || step == diagnose.LogIn
		if c != nil {
			c.conn.Close()
		}
		return nil
	}
	return c
}

// open does the steps of a control connection until one fails.
func (p *prober) open(ctx context.Context, a *diagnose.Attempt) (*control, diagnose.Step, error) {
	conn, err := p.dial(ctx, addrPort(*a))
	if err != nil {
		return nil, diagnose.Connect, err
	}
	c := newControl(conn, p.Timeout)
	config := clientTLS(a.Address)
	secure := func() error {
		state, err := c.protect(ctx, config)
		a.Certificate = p.shown(state, a.Address)
		return err
	}
	if a.Protocol == diagnose.FTPS {
		if err := secure(); err != nil {
			return c, diagnose.Secure, err
		}
	}
	if _, err := c.expect(220); err != nil {
		return c, diagnose.Greet, err
	}
	if a.Protocol == diagnose.FTP && !p.Expected.PlainFTP {
		if _, err := c.command("AUTH TLS", 234); err != nil {
			return c, diagnose.Secure, err
		}
		if err := secure(); err != nil {
			return c, diagnose.Secure, err
		}
	}
	if !p.logsIn(a.Protocol) || p.stranger(*a) {
		return c, diagnose.Done, nil
	}
	if err := c.login(p.Expected.User.Name, p.Password); err != nil {
		return c, diagnose.LogIn, err
	}
	c.loggedIn = true
	return c, diagnose.Done, nil
}

// stranger says whether who answers is not known to be the server, who then is not
// given a password.
func (p *prober) stranger(a diagnose.Attempt) bool {
	switch {
	case a.Certificate == nil:
		return false // FTP without TLS, as the server promises
	case p.Expected.Certificate != "":
		return a.Certificate.Fingerprint != p.Expected.Certificate
	}
	return p.Roots == nil || a.Certificate.TrustError != "" || a.Certificate.NameError != ""
}

// try makes a data connection, and a new session if that has ended the old one.
func (p *prober) try(ctx context.Context, c *control, a diagnose.Attempt, mode string) *control {
	a.Mode = mode
	p.Progress(fmt.Sprintf("%s at %s, %s", a.Protocol, a.Where(), mode))
	step, err := p.list(ctx, c, &a)
	p.add(a, step, err)
	if err == nil || step == diagnose.Ask || step == diagnose.Data {
		return c
	}
	c.conn.Close()
	again, _, err := p.open(ctx, &diagnose.Attempt{Protocol: a.Protocol, Address: a.Address, IP: a.IP, Port: a.Port})
	if err != nil && again != nil {
		again.conn.Close()
	}
	if err != nil {
		return nil
	}
	return again
}
