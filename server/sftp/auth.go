package sftp

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// An authenticator authenticates the user of one connection (RFC 4252). It is
// used by one goroutine.
type authenticator struct {
	c          *Conn
	config     *ConnConfig
	algorithms Algorithms
	ctx        context.Context // ends when the client leaves
	gone       context.CancelFunc

	first   *shown  // what has succeeded, when a second is needed
	both    bool    // the second has succeeded, too
	session Session // once all is verified

	user        string
	failures    int   // attempts that Hooks.Login was told of
	keysRefused int   // keys that were offered and were not taken
	keyError    error // why
	keyTaken    bool  // a key of the user was offered
}

// shown is a credential that was right.
type shown struct {
	account Account
	method  string
	key     string // fingerprint
}

// accountKey is where publicKey keeps its account in ssh.Permissions.ExtraData.
type accountKey struct{}

// unverified is why a login has failed of which no single attempt has.
type unverified struct {
	text    string
	refused bool  // no credential was wrong
	cause   error // may be nil
}

func (e *unverified) Error() string {
	if e.cause != nil {
		return e.text + ": " + e.cause.Error()
	}
	return e.text
}

func (e *unverified) Is(target error) bool {
	return target == ErrLoginFailed || target == ErrRefused && e.refused
}

func (e *unverified) Unwrap() error { return e.cause }

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
	account, err := a.c.server.opts.Backend.Password(a.ctx, a.c, meta.User(), password)
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
		// Of several keys, the one that is the user's tells the most.
		if a.keyError == nil || !errors.Is(a.keyError, ErrRefused) {
			a.keyError = err
		}
		a.c.log.Debug("a key was refused", "user", meta.User(), "error", err)
		return nil, a.told(err)
	}
	a.keyTaken = true
	permissions.ExtraData = map[any]any{accountKey{}: account}
	return permissions, nil
}

func (a *authenticator) accountOf(meta ssh.ConnMetadata, key ssh.PublicKey, permissions *ssh.Permissions) (Account, error) {
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return a.c.server.opts.Backend.PublicKey(a.ctx, a.c, meta.User(), key)
	}
	if err := a.checkCertificate(meta.User(), cert); err != nil {
		return nil, err
	}
	permissions.CriticalOptions = cert.CriticalOptions // source-address is checked by x/crypto
	return a.c.server.opts.Backend.Certificate(a.ctx, a.c, meta.User(), cert)
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
	if account.RequireAll() && a.first == nil {
		a.first = &shown{account, method, key}
		a.user, a.keyTaken, a.keyError, a.keysRefused = user, false, nil, 0
		next := ssh.ServerAuthCallbacks{PublicKeyCallback: a.publicKey}
		if key != "" {
			next = ssh.ServerAuthCallbacks{PasswordCallback: a.password, KeyboardInteractiveCallback: a.keyboardInteractive}
		}
		return &ssh.PartialSuccessError{Next: next}
	}
	if a.first != nil {
		a.both = true
		method = a.first.method + "+" + method
		if second, ok := account.(SecondAccount); ok {
			account = second.After(a.first.account)
		}
	}
	session, err := account.Login(a.ctx, a.c)
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
	a.report(LoginRecord{User: user, Method: method, Key: key, Err: err})
	return a.told(err)
}

func (a *authenticator) report(r LoginRecord) {
	a.failures++
	a.c.stats.commands.Add(1)
	a.c.stats.failedLogins.Add(1)
	a.tell(r)
}

func (a *authenticator) tell(r LoginRecord) {
	if a.c.server.opts.Hooks.Login != nil {
		a.c.server.opts.Hooks.Login(a.c, r)
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

// ended is called with the reason when the login has not succeeded. What the
// client has tried and was not told of as an attempt is one now.
func (a *authenticator) ended(err error) {
	switch {
	case a.session != nil:
		a.session.Close()
	case a.both, a.first != nil && a.first.key != "" && a.failures > 0: // it was told why
	case a.first != nil:
		// A password without its key counts like a wrong one: whoever guesses
		// would otherwise know by the count which it was. A key is no guess.
		refused := a.first.key != "" && (a.keyError == nil || errors.Is(a.keyError, ErrRefused))
		half := &unverified{"only one of the two credentials that the user needs was shown", refused, a.keyError}
		a.report(LoginRecord{User: a.user, Method: a.first.method, Key: a.first.key, Err: half, Unverified: true})
	case a.failures > 0 || a.user == "":
	case a.keyTaken && a.c.reason(err) == "protocol":
		a.report(LoginRecord{User: a.user, Method: "publickey", Err: &unverified{"the client could not sign with the key that it offered", false, nil}, Unverified: true})
	case a.keyTaken:
		a.report(LoginRecord{User: a.user, Method: "publickey", Err: &unverified{"the client did not sign with the key that it offered", true, nil}, Unverified: true})
	default:
		why := a.keyError
		if a.keysRefused > 1 {
			why = fmt.Errorf("%w (%d keys were offered)", why, a.keysRefused)
		}
		a.report(LoginRecord{User: a.user, Method: "publickey", Err: why, Unverified: true})
	}
}
