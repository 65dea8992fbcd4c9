package check

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-crypt/crypt"
	"github.com/go-crypt/crypt/algorithm"
)

const (
	// maxHashSeconds is how long one hash may take of a processor.
	maxHashSeconds = 5

	// defaultHashMemory is how many bytes hashes may use at once where the
	// memory of the process is not known.
	defaultHashMemory = 128 << 20
)

// HashMemory is how many bytes all hashes together may use at once in a process
// that may use memory bytes, or 0 if that is not known.
func HashMemory(memory int64) int64 {
	if memory > 0 {
		return memory / 4
	}
	return defaultHashMemory
}

// ErrUnknownHash is for a hash of a kind that the server does not know.
var ErrUnknownHash = errors.New("has an unknown kind of hash; there are bcrypt ($2b$), SHA-512 ($6$), SHA-256 ($5$), argon2id, scrypt, yescrypt ($y$) and PBKDF2")

// decoder knows the formats. The library has a decoder of its own behind its
// functions, but makes it at its first use, where two logins at once race.
var decoder = func() *crypt.Decoder {
	d, err := crypt.NewDefaultDecoder()
	if err != nil {
		panic(err) // it registers formats under names of its own
	}
	return d
}()

// A Hash is the hash of a password.
type Hash struct {
	// Memory is how many bytes it takes to compute; 0 if it is not worth counting.
	Memory  int64
	seconds float64 // of an ordinary processor
	digest  algorithm.Digest
}

// ParseHash parses a hash in crypt(3) format.
func ParseHash(text string) (h Hash, err error) {
	defer func() {
		if recover() != nil { // the library's parsers are lax
			h, err = Hash{}, ErrUnknownHash
		}
	}()
	digest, err := decoder.Decode(text)
	if err != nil {
		return Hash{}, ErrUnknownHash
	}
	if cutShort(text) {
		return Hash{}, errors.New("is a hash that is cut short, which no password has")
	}
	c, err := costOf(digest.Encode())
	if err != nil {
		return Hash{}, err
	}
	return Hash{Memory: c.memory, seconds: c.seconds, digest: digest}, nil
}

// cutShort tells a hash that has not the length of its kind: the library takes any.
func cutShort(text string) bool {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(text, "$"), "$")
	last := rest[strings.LastIndexByte(rest, '$')+1:]
	switch kind {
	case "6":
		return len(last) != 86
	case "5":
		return len(last) != 43
	case "2a", "2b", "2x", "2y":
		return len(last) != 53
	}
	return false
}

// Fits says why a hash takes too much where all together may use memory bytes.
func (h Hash) Fits(memory int64) error {
	switch {
	case h.Memory > memory:
		return fmt.Errorf("needs %d MiB of memory, and all hashes together may use %d MiB here", h.Memory>>20, memory>>20)
	case h.seconds > maxHashSeconds:
		return fmt.Errorf("takes some %.0f s of a processor at each login, and may take %d s", h.seconds, maxHashSeconds)
	}
	return nil
}

// Match reports whether a password is that of the hash.
func (h Hash) Match(password string) (match bool) {
	defer func() {
		if recover() != nil { // what the library cannot compute is not right
			match = false
		}
	}()
	match, err := h.digest.MatchAdvanced(password)
	return match && err == nil
}

// hashes are texts that somebody has meant as a hash, known or not: crypt(3)'s
// "$id$", a line of htpasswd or of shadow(5) with one, and LDAP's "{SCHEME}".
var hashes = regexp.MustCompile(`^([^\s:$]+:)?(\$[A-Za-z0-9][A-Za-z0-9_-]*\$.*\S|\{[A-Z][A-Z0-9.-]+\}\S+)$`)

// LooksLikeHash tells a hash, which may be one that cannot be used, from a
// password. A hash that is taken for a password would be one that everybody knows
// who has seen the hash.
func LooksLikeHash(text string) bool { return hashes.MatchString(text) }
