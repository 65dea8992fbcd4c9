package users

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// User is an account, as it was when it was asked for.
type User struct {
	config config.User
	keys   [][]byte // public keys in SSH's wire format
}

func newUser(c *config.User) (*User, error) {
	u := &User{config: *c}
	var problems []error
	for i, line := range c.AuthorizedKeys {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			problems = append(problems, fmt.Errorf("authorizedKeys[%d] is no public key", i))
			continue
		}
		u.keys = append(u.keys, key.Marshal())
	}
	if err := checkHash(c.PasswordHash); err != nil {
		u.config.PasswordHash = ""
		problems = append(problems, err)
	}
	return u, errors.Join(problems...)
}

// Name is the name with which the user logs in.
func (u *User) Name() string { return u.config.Name }

// Home is the user's folder, below the storage root.
func (u *User) Home() string { return u.config.Home }

// Limits are the user's own; zero is the server's.
func (u *User) Limits() config.UserLimits { return u.config.Limits }

// RequireAll says whether the user needs a key and the password.
func (u *User) RequireAll() bool { return u.config.RequireAll }

// HasKey reports whether the public key, in SSH's wire format, is the user's.
func (u *User) HasKey(blob []byte) bool {
	return slices.ContainsFunc(u.keys, func(k []byte) bool { return bytes.Equal(k, blob) })
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
			if network.Contains(a.Remote.Unmap()) {
				return nil
			}
		}
		return ErrSource
	}
	return nil
}
