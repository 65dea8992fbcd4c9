package resources

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fileserver-dev/fileserver-operator/server/check"
)

// Letters and digits that people do not mistake for each other.
const passwordAlphabet = "23456789abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ"

// passwordLength gives some 160 bits.
const passwordLength = 28

// GeneratePassword makes a password.
func GeneratePassword() (string, error) {
	var b strings.Builder
	for range passwordLength {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(passwordAlphabet))))
		if err != nil {
			return "", fmt.Errorf("making a password: %w", err)
		}
		b.WriteByte(passwordAlphabet[n.Int64()])
	}
	return b.String(), nil
}

// Rounds of SHA-512-crypt. A generated password has as many bits as a key, so
// that there is nothing to slow down; the scheme's own default is for those
// that people chose.
const (
	roundsGenerated = 1000
	roundsChosen    = 5000
)

// HashGenerated hashes a password that GeneratePassword made. [IsHashOf] knows the hash
// again by its salt. Of a password that somebody has put in its place, the salt tells
// nothing.
func HashGenerated(password string, user types.UID) (string, error) {
	if isGenerated(password) {
		return hash(password, saltOf(password, user), roundsGenerated)
	}
	return hash(password, salt(user), roundsGenerated)
}

// IsHashOf says whether a hash is that of a generated password of the user. It is much
// faster than to hash the password again.
func IsHashOf(hash, password string, user types.UID) bool {
	return isGenerated(password) && strings.HasPrefix(hash, fmt.Sprintf("$6$rounds=%d$%s$", roundsGenerated, saltOf(password, user)))
}

// isGenerated says whether a password looks as if GeneratePassword had made it.
func isGenerated(password string) bool {
	return len(password) == passwordLength && strings.Trim(password, passwordAlphabet) == ""
}

// HashChosen hashes a password that somebody chose. What is a hash already stays as
// it is, if the server knows its kind and can afford it; memory is how many bytes
// all hashes together may use. A line break at the end, as editors leave behind,
// does not count.
func HashChosen(password []byte, user types.UID, memory int64) (string, error) {
	p := ChosenPassword(password)
	switch {
	case p == "":
		return "", errors.New("it is empty")
	case check.LooksLikeHash(p):
		h, err := check.ParseHash(p)
		if err == nil {
			err = h.Fits(memory)
		}
		if err != nil {
			return "", fmt.Errorf("it %w", err)
		}
		return p, nil
	}
	return hash(p, salt(user), roundsChosen)
}

// ChosenPassword is the password in an entry of a Secret.
func ChosenPassword(entry []byte) string { return strings.TrimRight(string(entry), "\r\n") }

// hash is the same for the same user and password, so that rendering users
// needs no state.
func hash(password string, salt []byte, rounds int) (string, error) {
	h, err := shacrypt.New(shacrypt.WithSHA512(), shacrypt.WithIterations(rounds))
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	digest, err := h.HashWithSalt(password, salt)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return digest.Encode(), nil
}

const saltAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// salt comes from the user's UID, which nobody else has.
func salt(user types.UID) []byte { return saltFrom("fileserver.dev password salt\x00" + string(user)) }

// saltOf comes from a generated password besides. It tells nothing of it: with its 160
// bits, the password cannot be guessed.
func saltOf(password string, user types.UID) []byte {
	return saltFrom("fileserver.dev generated password\x00" + string(user) + "\x00" + password)
}

func saltFrom(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	salt := make([]byte, 16)
	for i := range salt {
		salt[i] = saltAlphabet[sum[i]%64]
	}
	return salt
}
