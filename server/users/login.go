package users

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Attempt is somebody who wants to log in.
type Attempt struct {
	User     string
	Protocol string // config.ProtocolFTP, ProtocolFTPS or ProtocolSFTP
	Remote   netip.Addr
}

// Why a login failed. All are [ErrLogin], and a client is told no more than
// that; the reason is for the audit log.
var (
	ErrLogin       = errors.New("login failed")
	ErrUnknown     = because("no such user")
	ErrPassword    = because("wrong password")
	ErrNoPassword  = because("the user has no password")
	ErrKey         = because("not a key of the user")
	ErrKeyExpired  = because("the key has expired")
	ErrKeySource   = because("the key may not be used from this address")
	ErrSuspended   = because("the user is suspended")
	ErrExpired     = because("the user has expired")
	ErrProtocol    = because("the user may not use this protocol")
	ErrSource      = because("the user may not log in from this address")
	ErrNeedsAll    = because("the user needs a key and the password, which this protocol cannot ask for")
	ErrBanned      = because("the address is banned after too many failures")
	errUnsupported = because("the password hash has an unknown format")
)

func because(reason string) error { return fmt.Errorf("%w: %s", ErrLogin, reason) }

// CheckPassword returns the user if the password is right and nothing stands
// against the login. A failure counts towards a ban. Somebody who does not
// exist costs as much time as somebody who does.
//
// Of a user who needs all methods, the password alone is right here; it is for
// the caller to ask for the key too, or to refuse ([User.RequireAll]).
func (d *Directory) CheckPassword(a Attempt, password string) (*User, error) {
	if d.Banned(a.Remote) {
		return nil, ErrBanned
	}
	u := d.find(a.User)
	err := d.verify(u, a.User, password)
	if err == nil {
		err = u.refuses(a, d.now())
	}
	if err != nil {
		d.Failed(a)
		return nil, err
	}
	return u, nil
}

func (d *Directory) verify(u *User, name, password string) error {
	if u != nil && u.config.PasswordHash != "" {
		return d.hashes.verify(u.config.PasswordHash, password)
	}
	d.hashes.waste(d.decoy(name), password)
	if u == nil {
		return ErrUnknown
	}
	return ErrNoPassword
}

// decoy returns a hash to verify against where a user has none: that of one of
// the users, since hashes differ in cost, and always the same for a name.
func (d *Directory) decoy(name string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.decoys) == 0 {
		return decoy
	}
	sum := d.hashes.mac("", name)
	return d.decoys[binary.BigEndian.Uint64(sum[:])%uint64(len(d.decoys))]
}

// CheckKey returns the user if the public key, in SSH's wire format, is one of
// the user's and nothing stands against the login. A failure does not count:
// clients offer one key after the other. The caller verifies that the client
// has the private key, and reports a login that failed with [Directory.Failed].
func (d *Directory) CheckKey(a Attempt, blob []byte) (*User, error) {
	u, err := d.Lookup(a)
	if err == nil {
		err = u.key(blob, a, d.now())
	}
	if err != nil {
		return nil, err
	}
	return u, nil
}

// Lookup returns the user if nothing stands against the login, for a caller
// that has other proof of who it is, such as a certificate.
func (d *Directory) Lookup(a Attempt) (*User, error) {
	if d.Banned(a.Remote) {
		return nil, ErrBanned
	}
	u := d.find(a.User)
	if u == nil {
		return nil, ErrUnknown
	}
	if err := u.refuses(a, d.now()); err != nil {
		return nil, err
	}
	return u, nil
}

// Failed counts a failed login towards a ban of its address.
func (d *Directory) Failed(a Attempt) { d.bans.failed(a.Remote) }
