package sftp

import (
	"errors"

	"golang.org/x/crypto/ssh"
)

// An authenticator authenticates the user of one connection (RFC 4252). It is
// used by one goroutine.
type authenticator struct {
	c          *Conn
	config     *ConnConfig
	algorithms Algorithms

	first   string  // the method that has succeeded, when a second is needed
	session Session // once all is verified

	keysRefused int // keys that were offered and were not the user's
	failures    int // attempts that Hooks.Login was told of
	user        string
}

// accountKey is where publicKey keeps its account in ssh.Permissions.ExtraData.
type accountKey struct{}

// errUnverified is reported when all that a client did was to offer keys that
// are not the user's, or could not sign with.
var errUnverified = errors.New("sftp: none of the keys that were offered is the user's")

func (a *authenticator) password(meta ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
	return a.checkPassword(meta, "password", string(password))
}

// keyboardInteractive asks for the password (RFC 4256), for clients that insist on this method.
func (a *authenticator) keyboardInteractive(meta ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	answers, err := ask("", "", []string{"Password: "}, []bool{false})
	if err != nil {
		return nil, err
	}
	if len(answers) != 1 {
		return nil, ErrLoginFailed
	}
	return a.checkPassword(meta, "keyboard-interactive", answers[0])
}

func (a *authenticator) checkPassword(meta ssh.ConnMetadata, method, password string) (*ssh.Permissions, error) {
	account, err := a.c.server.Backend.Password(a.c.ctx, a.c, meta.User(), password)
	if err != nil {
		return nil, a.failed(meta.User(), method, "", err)
	}
	return nil, a.verified(account, meta.User(), method, "")
}

// publicKey says whether a key or certificate that is offered may be used. It
// has no effects: whether the client can sign is not known yet.
func (a *authenticator) publicKey(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	permissions := &ssh.Permissions{}
	account, err := a.accountOf(meta, key, permissions)
	a.user = meta.User()
	if err != nil {
		a.keysRefused++
		a.c.log.Debug("a key was refused", "user", meta.User(), "error", err)
		return nil, a.told(err)
	}
	permissions.ExtraData = map[any]any{accountKey{}: account}
	return permissions, nil
}

func (a *authenticator) accountOf(meta ssh.ConnMetadata, key ssh.PublicKey, permissions *ssh.Permissions) (Account, error) {
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return a.c.server.Backend.PublicKey(a.c.ctx, a.c, meta.User(), key)
	}
	if err := a.checkCertificate(meta.User(), cert); err != nil {
		return nil, err
	}
	permissions.CriticalOptions = cert.CriticalOptions // source-address is checked by x/crypto
	return a.c.server.Backend.Certificate(a.c.ctx, a.c, meta.User(), cert)
}

// verifiedPublicKey is called when the client has signed with a key.
func (a *authenticator) verifiedPublicKey(meta ssh.ConnMetadata, key ssh.PublicKey, p *ssh.Permissions, _ string) (*ssh.Permissions, error) {
	account := p.ExtraData[accountKey{}].(Account)
	method := "publickey"
	if cert, ok := key.(*ssh.Certificate); ok {
		method, key = "certificate", cert.Key
	}
	if err := a.verified(account, meta.User(), method, ssh.FingerprintSHA256(key)); err != nil {
		return nil, err
	}
	return &ssh.Permissions{CriticalOptions: p.CriticalOptions}, nil
}

// verified begins the session, or asks for the second method of two.
func (a *authenticator) verified(account Account, user, method, key string) error {
	if account.RequireAll() && a.first == "" {
		a.first = method
		next := ssh.ServerAuthCallbacks{PublicKeyCallback: a.publicKey}
		if key != "" {
			next = ssh.ServerAuthCallbacks{PasswordCallback: a.password, KeyboardInteractiveCallback: a.keyboardInteractive}
		}
		return &ssh.PartialSuccessError{Next: next}
	}
	if a.first != "" {
		method = a.first + "+" + method
	}
	session, err := account.Login(a.c.ctx, a.c)
	if err != nil {
		return a.failed(user, method, key, err)
	}
	a.session = session
	a.c.stats.commands.Add(1)
	a.tell(LoginRecord{User: user, Method: method, Key: key})
	return nil
}

// failed reports an attempt that failed, and returns what to tell the client.
func (a *authenticator) failed(user, method, key string, err error) error {
	a.failures++
	a.c.stats.commands.Add(1)
	a.c.stats.failedLogins.Add(1)
	a.tell(LoginRecord{User: user, Method: method, Key: key, Err: err})
	return a.told(err)
}

func (a *authenticator) tell(r LoginRecord) {
	if a.c.server.Hooks.Login != nil {
		a.c.server.Hooks.Login(a.c, r)
	}
}

// told makes the text of an *Error a banner. All else is logged if it is no
// matter of credentials.
func (a *authenticator) told(err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return &ssh.BannerError{Err: err, Message: e.Text + "\r\n"}
	case !errors.Is(err, ErrLoginFailed):
		a.c.log.Error("checking a login failed", "error", err)
	}
	return err
}

// ended is called when the login has not succeeded.
func (a *authenticator) ended(err error) {
	if a.session != nil {
		a.session.Close()
		return
	}
	if a.failures == 0 && a.user != "" {
		a.failed(a.user, "publickey", "", errors.Join(ErrLoginFailed, errUnverified))
	}
}
