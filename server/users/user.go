package users

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/check"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// User is an account, as it was when it was asked for. What a session may do
// follows changes: [User.Restrict] and [User.Limits] go by the newest.
type User struct {
	config  config.User
	given   config.User      // config as it was given
	leftOut []config.LeftOut // what of it is unusable
	keys    []authorizedKey
	newest  *atomic.Pointer[User] // shared by all that the account has been; may be nil
}

// newUser makes a user. Before is what the account has been until now, or nil.
func newUser(c *config.User, before *User, h *hashes) *User {
	u := &User{config: *c, given: *c, newest: new(atomic.Pointer[User])}
	if before != nil {
		u.newest = before.newest
	}
	for i, line := range c.AuthorizedKeys {
		key, err := check.ParseKey(line)
		if err != nil {
			u.leaveOut(fmt.Sprintf("authorizedKeys[%d]", i), err)
			continue
		}
		u.keys = append(u.keys, authorizedKey{key})
	}
	if err := h.check(c.PasswordHash); err != nil {
		u.config.PasswordHash = ""
		u.leaveOut("passwordHash", err)
	}
	return u
}

func (u *User) leaveOut(field string, why error) {
	u.leftOut = append(u.leftOut, config.LeftOut{User: u.Name(), Field: field, Reason: why.Error()})
}

// same reports whether the account was made from just that.
func (u *User) same(c *config.User) bool { return reflect.DeepEqual(&u.given, c) }

// now is the account as it is now.
func (u *User) now() *User {
	if u.newest == nil {
		return u
	}
	return cmp.Or(u.newest.Load(), u)
}

// Name is the name with which the user logs in.
func (u *User) Name() string { return u.config.Name }

// Home is the user's folder, below the storage root.
func (u *User) Home() string { return u.config.Home }

// Limits are the user's own, as they are now; zero is the server's.
func (u *User) Limits() config.UserLimits { return u.now().config.Limits }

// RequireAll says whether the user needs a key and the password.
func (u *User) RequireAll() bool { return u.config.RequireAll }

// key says why a public key, in SSH's wire format, is no proof that it is the
// user; nil if it is.
func (u *User) key(blob string, a Attempt, now time.Time) error {
	err := ErrKey
	for i := range u.keys {
		if k := &u.keys[i]; k.is(blob) {
			if err = k.refuses(a, now); err == nil {
				return nil
			}
		}
	}
	return err
}

// expires returns when a session with that proof has to end, or zero.
func (u *User) expires(p Proof, now time.Time) time.Time {
	at := p.until
	earlier := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if u.config.ExpiresAt != nil {
		earlier(*u.config.ExpiresAt)
	}
	earlier(u.keyExpires(p.key, now))
	return at
}

// keyExpires returns when the last of the user's lines with that key expires, or zero.
func (u *User) keyExpires(blob string, now time.Time) (at time.Time) {
	for i := range u.keys {
		switch k := &u.keys[i]; {
		case blob == "" || !k.is(blob):
		case k.Expires.IsZero():
			return time.Time{}
		case k.Expires.After(at):
			at = k.Expires
		}
	}
	return at
}

// refuses says why the user may not log in this way and now, or nil.
func (u *User) refuses(a Attempt, now time.Time) error {
	c := &u.config
	switch {
	case c.Suspended:
		return ErrSuspended
	case c.ExpiresAt != nil && !now.Before(*c.ExpiresAt):
		return ErrExpired
	case len(c.Protocols) > 0 && !slices.Contains(c.Protocols, a.Protocol):
		return ErrProtocol
	case len(c.AllowedSources) > 0:
		for _, network := range c.AllowedSources {
			if network.Contains(plain(a.Remote)) {
				return nil
			}
		}
		return ErrSource
	}
	return nil
}
