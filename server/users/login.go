package users

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Attempt is somebody who wants to log in.
type Attempt struct {
	User     string
	Protocol string // config.ProtocolFTP, ProtocolFTPS or ProtocolSFTP
	Remote   netip.Addr
	Visit    *Visit // the connection, which is logged in if the attempt succeeds; may be nil
}

// Why a login failed. All are [ErrLogin], and a client is told no more than
// that; the reason is for the audit log.
var (
	ErrLogin        = errors.New("login failed")
	ErrUnknown      = because("no such user")
	ErrPassword     = because("wrong password")
	ErrTooLong      = because("the password is longer than any")
	ErrNoPassword   = because("the user has no password")
	ErrKey          = because("not a key of the user")
	ErrKeyExpired   = because("the key has expired")
	ErrKeySource    = because("the key may not be used from this address")
	ErrAuthority    = because("the certificate's authority is not trusted any more")
	ErrCertificate  = because("the certificate has expired")
	ErrSuspended    = because("the user is suspended")
	ErrExpired      = because("the user has expired")
	ErrProtocol     = because("the user may not use this protocol")
	ErrSource       = because("the user may not log in from this address")
	ErrNeedsAll     = because("the user needs a key and the password")
	ErrBanned       = because("the address is banned after too many failures")
	ErrGone         = because("the client has left before its password was checked")
	ErrEvicted      = because("the connection had to make room for others before it was logged in")
	errChanged      = because("the account has changed in the meantime")
	errNothingShown = because("no credential was shown")
)

func because(reason string) error { return fmt.Errorf("%w: %s", ErrLogin, reason) }

// WrongCredential reports whether a login failed because what was shown is not
// the user's: a guess, which counts towards a ban. All other refusals, of a user
// who is suspended for example, or of an address that is banned already, do not
// count: whoever knows the credential is no stranger.
func WrongCredential(err error) bool {
	for _, wrong := range []error{ErrUnknown, ErrPassword, ErrTooLong, ErrNoPassword, ErrKey, ErrNeedsAll} {
		if errors.Is(err, wrong) {
			return true
		}
	}
	return false
}

// A Proof is what somebody shows of who he is: a password, a key, a
// certificate, or two of them.
type Proof struct {
	unchecked   bool   // password is to be checked
	password    string // until it was checked
	hash        string // with which the password was found right
	key         string // in SSH's wire format
	certificate bool
	authority   string    // that has signed the certificate, in SSH's wire format
	until       time.Time // the certificate is valid; zero: for ever
}

// Password is a password as proof.
func Password(password string) Proof { return Proof{unchecked: true, password: password} }

// Key is a public key as proof, in SSH's wire format, for which the client has
// shown to have the private one.
func Key(blob []byte) Proof { return Proof{key: string(blob)} }

// Certificate is a certificate as proof. All about it is verified. Authority is
// the public key of whoever has signed it, in SSH's wire format; until is when it
// expires, and zero if it never does.
func Certificate(authority []byte, until time.Time) Proof {
	return Proof{certificate: true, authority: string(authority), until: until}
}

// And is both proofs together.
func (p Proof) And(o Proof) Proof {
	if o.unchecked || o.hash != "" {
		p.unchecked, p.password, p.hash = o.unchecked, o.password, o.hash
	}
	if o.key != "" {
		p.key = o.key
	}
	if o.certificate {
		p.certificate, p.authority, p.until = true, o.authority, o.until
	}
	return p
}

// all reports whether there are two kinds of proof.
func (p Proof) all() bool {
	return (p.hash != "" || p.unchecked) && (p.key != "" || p.certificate)
}

// Checked is somebody whose proof is right.
type Checked struct {
	Proof Proof // to begin with
	// RequireAll says that it is not enough: the user needs a key (or a
	// certificate) and the password.
	RequireAll bool
}

// Check says whether the proof is right and nothing stands against the login,
// for protocols in which a client may show one thing after the other. A
// password that is wrong counts towards a ban. A key that is wrong does not:
// clients offer one after the other, and whoever asked reports in the end, with
// [Directory.Failed]. Somebody who does not exist costs as much time as somebody who does.
//
// The proof that is returned is for [Directory.Begin]. ctx ends when the client
// has left; passwords wait for their turn no longer than that.
func (d *Directory) Check(ctx context.Context, a Attempt, p Proof) (Checked, error) {
	return d.check(ctx, a, p, false)
}

// check is Check. With final, no other proof will come.
func (d *Directory) check(ctx context.Context, a Attempt, p Proof, final bool) (Checked, error) {
	if d.Banned(a.Remote) {
		return Checked{}, ErrBanned
	}
	u := d.find(a.User)
	var err error
	if p.unchecked {
		p, err = d.checkPassword(ctx, u, a, p, final)
		if WrongCredential(err) {
			d.Failed(a)
		}
	}
	if err != nil {
		return Checked{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if u = d.shards.user(a.User); u == nil {
		return Checked{}, ErrUnknown
	}
	if err := d.shown(u, a, p); err != nil {
		return Checked{}, err
	}
	return Checked{Proof: p, RequireAll: u.RequireAll()}, u.refuses(a, d.now())
}

// checkPassword returns the proof with the hash in place of the password. It
// takes the time of a hash, whoever the user is and whatever is wrong.
func (d *Directory) checkPassword(ctx context.Context, u *User, a Attempt, p Proof, final bool) (Proof, error) {
	password := p.password
	p.password, p.unchecked = "", false
	guess := guess{address: block(a.Remote), user: a.User, password: password, refused: func() error {
		if d.Banned(a.Remote) {
			return ErrBanned
		}
		return nil
	}}
	if u == nil || u.config.PasswordHash == "" {
		err := d.hashes.waste(ctx, d.decoy(a.User), guess)
		if err == nil && u == nil {
			err = ErrUnknown
		}
		if err == nil {
			err = ErrNoPassword
		}
		return p, err
	}
	hash := u.config.PasswordHash
	if final && u.RequireAll() && p.key == "" && !p.certificate {
		// Half of what is needed is nothing: whether it is the right half is
		// not even found out, so that nobody can tell.
		if err := d.hashes.waste(ctx, hash, guess); err != nil {
			return p, err
		}
		return p, ErrNeedsAll
	}
	// Who may not log in, or not with that alone, is told so as slowly as who has
	// sent a wrong password.
	guess.uncached = u.RequireAll() || u.refuses(a, d.now()) != nil
	if err := d.hashes.verify(ctx, hash, guess); err != nil {
		return p, err
	}
	p.hash = hash
	return p, nil
}

// shown says why a proof, the password of which is checked, is none of the user
// as he is now; nil if it is one. The caller has d.mu.
func (d *Directory) shown(u *User, a Attempt, p Proof) error {
	if p.hash == "" && p.key == "" && !p.certificate {
		return errNothingShown
	}
	if p.hash != "" && p.hash != u.config.PasswordHash {
		return errChanged
	}
	if p.key != "" {
		if err := u.key(p.key, a, d.now()); err != nil {
			return err
		}
	}
	switch {
	case p.certificate && !d.trusts(p.authority):
		return ErrAuthority
	case !p.until.IsZero() && !d.now().Before(p.until):
		return ErrCertificate
	}
	return nil
}

// Failed counts a failed login towards a ban of its address. [Directory.Check]
// and [Directory.Begin] do so themselves for passwords.
func (d *Directory) Failed(a Attempt) { d.bans.failed(a.Remote) }
