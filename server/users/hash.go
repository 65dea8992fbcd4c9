package users

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"runtime"

	"github.com/go-crypt/crypt"
	lru "github.com/hashicorp/golang-lru/v2"
)

// maxVerified is how many passwords are remembered as right.
const maxVerified = 10_000

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
	busy     chan struct{} // some hashes take much memory: not too many at once
}

func newHashes(key []byte) *hashes {
	verified, err := lru.New[string, [sha256.Size]byte](maxVerified)
	if err != nil {
		panic(err) // the size is positive
	}
	return &hashes{key, verified, make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// checkHash says what is wrong with a hash; "" is none and right.
func checkHash(hash string) error {
	if hash == "" {
		return nil
	}
	if _, err := decoder.Decode(hash); err != nil {
		// The reason may quote the hash.
		return errors.New("passwordHash has no known format; use bcrypt, SHA-512-crypt ($6$), argon2id, scrypt or PBKDF2")
	}
	return nil
}

func (h *hashes) verify(hash, password string) error {
	mac := h.mac(hash, password)
	if known, ok := h.verified.Get(hash); ok && hmac.Equal(known[:], mac[:]) {
		return nil
	}
	digest, err := decoder.Decode(hash)
	if err != nil {
		return errUnsupported
	}
	h.busy <- struct{}{}
	match, err := digest.MatchAdvanced(password)
	<-h.busy
	if err != nil || !match {
		return ErrPassword
	}
	h.verified.Add(hash, mac)
	return nil
}

// waste takes as long as verify does for a password that is wrong. It neither
// reads nor fills the cache: the time it takes must not depend on whether the
// password is right for the user whose hash is the decoy.
func (h *hashes) waste(hash, password string) {
	digest, err := decoder.Decode(hash)
	if err != nil {
		return
	}
	h.busy <- struct{}{}
	defer func() { <-h.busy }()
	_, _ = digest.MatchAdvanced(password)
}

func (h *hashes) mac(hash, password string) (sum [sha256.Size]byte) {
	m := hmac.New(sha256.New, h.key)
	m.Write([]byte(hash))
	m.Write([]byte{0})
	m.Write([]byte(password))
	m.Sum(sum[:0])
	return sum
}
