package users

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"
	"runtime"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/fileserver-dev/fileserver-operator/server/check"
)

const (
	// maxVerified is how many passwords are remembered as right.
	maxVerified = 10_000

	// maxPassword is the longest password in bytes, as with OpenSSH. The cost
	// of SHA-crypt is the square of the length (CVE-2016-20013).
	maxPassword = 1024
)

// decoy is verified against where no user has a hash. It has the cost of those
// that the operator makes of passwords that somebody chose.
const decoy = "$6$rounds=5000$decoydecoydecoyd$bXyXBGvBrVeCNsShKVJVjCLLRBRyMVNAqMpnWAwB3HJYAfOHVN0vDcnkQyzJhE4yRj9fiAzbqhcmvjbUCPhXS0"

// hashes verifies passwords. Hashes are made to be slow, so one that was right
// is remembered as a keyed digest of hash and password: a client that logs in
// for every file costs the hash once. A changed hash is another one.
type hashes struct {
	key      []byte // of this process alone
	verified *lru.Cache[string, [sha256.Size]byte]
	turns    *turns
	garbage  atomic.Int64 // bytes that hashes have left behind
}

// newHashes returns a verifier for a process that may use memory bytes, or 0
// if that is not known.
func newHashes(key []byte, memory int64) *hashes {
	verified, err := lru.New[string, [sha256.Size]byte](maxVerified)
	if err != nil {
		panic(err) // the size is positive
	}
	return &hashes{key: key, verified: verified, turns: newTurns(runtime.GOMAXPROCS(0), check.HashMemory(memory))}
}

// check says why a hash cannot be used; "" is none and right. The error never
// quotes the hash.
func (h *hashes) check(hash string) error {
	if hash == "" {
		return nil
	}
	parsed, err := check.ParseHash(hash)
	if err != nil {
		return err
	}
	return parsed.Fits(h.turns.memory)
}

// A guess is a password that somebody has sent.
type guess struct {
	address  netip.Prefix // of whom
	user     string
	password string
	refused  func() error // asked when its turn has come
	uncached bool         // takes as long as if it were the first
}

// verify returns nil if the password is that of the hash.
func (h *hashes) verify(ctx context.Context, hash string, g guess) error {
	if len(g.password) > maxPassword {
		return ErrTooLong
	}
	mac := h.mac(hash, g.password)
	if known, ok := h.verified.Get(hash); ok && !g.uncached && hmac.Equal(known[:], mac[:]) {
		return nil
	}
	match, err := h.match(ctx, hash, g)
	switch {
	case err != nil:
		return err
	case !match:
		return ErrPassword
	}
	h.verified.Add(hash, mac)
	return nil
}

// waste takes as long as verify does for a password that is wrong. It neither
// reads nor fills the cache: the time it takes must not depend on whether the
// password is right for the user whose hash is the decoy.
func (h *hashes) waste(ctx context.Context, hash string, g guess) error {
	if len(g.password) > maxPassword {
		return ErrTooLong
	}
	_, err := h.match(ctx, hash, g)
	return err
}

// match computes the hash, in its turn.
func (h *hashes) match(ctx context.Context, hash string, g guess) (match bool, err error) {
	parsed, err := check.ParseHash(hash)
	if err != nil {
		return false, ErrPassword
	}
	if err := h.turns.take(ctx, g.address, g.user, parsed.Memory); err != nil {
		return false, ErrGone
	}
	defer h.turns.give(g.address, parsed.Memory)
	if err := g.refused(); err != nil {
		return false, err
	}
	h.collect(parsed.Memory)
	return parsed.Match(g.password), nil
}

// collect has the collector take what hashes have left behind, before it is
// more than hashes may use at once: by itself it comes when the heap has grown
// to several times what is in use.
func (h *hashes) collect(more int64) {
	if more > 0 && h.garbage.Add(more) > h.turns.memory {
		h.garbage.Store(more)
		runtime.GC()
	}
}

func (h *hashes) mac(hash, password string) (sum [sha256.Size]byte) {
	m := hmac.New(sha256.New, h.key)
	m.Write([]byte(hash))
	m.Write([]byte{0})
	m.Write([]byte(password))
	m.Sum(sum[:0])
	return sum
}
