package users

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"

	"github.com/go-crypt/crypt"
	"github.com/go-crypt/crypt/algorithm"
	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// maxVerified is how many passwords are remembered as right.
	maxVerified = 10_000

	// maxPassword is the longest password in bytes, as with OpenSSH. The cost
	// of SHA-crypt is the square of the length (CVE-2016-20013).
	maxPassword = 1024

	// defaultHashMemory is how many bytes hashes may use at once where the
	// memory of the process is not known.
	defaultHashMemory = 128 << 20
)

// decoy is verified against where no user has a hash. It has the cost of those
// that the operator makes of passwords that somebody chose.
const decoy = "$6$rounds=5000$decoydecoydecoyd$bXyXBGvBrVeCNsShKVJVjCLLRBRyMVNAqMpnWAwB3HJYAfOHVN0vDcnkQyzJhE4yRj9fiAzbqhcmvjbUCPhXS0"

// decoder knows the formats. The library has a decoder of its own behind its
// functions, but makes it at its first use, where two logins at once race.
var decoder = func() *crypt.Decoder {
	d, err := crypt.NewDefaultDecoder()
	if err != nil {
		panic(err) // it registers formats under names of its own
	}
	return d
}()

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
	budget := int64(defaultHashMemory)
	if memory > 0 {
		budget = memory / 4
	}
	return &hashes{key: key, verified: verified, turns: newTurns(runtime.GOMAXPROCS(0), budget)}
}

// check says why a hash cannot be used; "" is none and right. The error never
// quotes the hash.
func (h *hashes) check(hash string) error {
	if hash == "" {
		return nil
	}
	_, cost, err := decode(hash)
	switch {
	case err != nil:
		return err
	case cost.memory > h.turns.memory:
		return fmt.Errorf("passwordHash needs %d MiB of memory, and all hashes together may use %d MiB here", cost.memory>>20, h.turns.memory>>20)
	case cost.seconds > maxHashSeconds:
		return fmt.Errorf("passwordHash takes some %.0f s of a processor at each login, and may take %d s", cost.seconds, maxHashSeconds)
	}
	return nil
}

// decode parses a hash.
func decode(hash string) (digest algorithm.Digest, c cost, err error) {
	unknown := errors.New("passwordHash has no known format; use bcrypt, SHA-512-crypt ($6$), argon2id, scrypt or PBKDF2")
	defer func() {
		if recover() != nil { // the library's parsers are lax
			digest, err = nil, unknown
		}
	}()
	if digest, err = decoder.Decode(hash); err != nil {
		return nil, c, unknown
	}
	if c, err = costOf(digest.Encode()); err != nil {
		return nil, c, err
	}
	return digest, c, nil
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
	digest, cost, err := decode(hash)
	if err != nil {
		return false, ErrPassword
	}
	if err := h.turns.take(ctx, g.address, g.user, cost.memory); err != nil {
		return false, ErrGone
	}
	defer h.turns.give(g.address, cost.memory)
	if err := g.refused(); err != nil {
		return false, err
	}
	h.collect(cost.memory)
	defer func() {
		if recover() != nil { // what the library cannot compute is not right
			match, err = false, ErrPassword
		}
	}()
	match, err = digest.MatchAdvanced(g.password)
	return match && err == nil, nil
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
