package users

import (
	"net/netip"
	"slices"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/check"
)

// An authorizedKey is a public key of a user, with what restricts its use.
type authorizedKey struct{ check.Key }

// is reports whether it is that key, in SSH's wire format.
func (k *authorizedKey) is(blob string) bool { return k.Blob == blob }

// refuses says why the key may not be used, or nil.
func (k *authorizedKey) refuses(a Attempt, now time.Time) error {
	addr := plain(a.Remote)
	has := func(n netip.Prefix) bool { return n.Contains(addr) }
	switch {
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return ErrKeyExpired
	case len(k.From) > 0 && !slices.ContainsFunc(k.From, has), slices.ContainsFunc(k.Not, has):
		return ErrKeySource
	}
	return nil
}
