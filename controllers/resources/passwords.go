package resources

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"k8s.io/apimachinery/pkg/types"
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

// HashGenerated hashes a password that GeneratePassword made.
func HashGenerated(password string, user types.UID) (string, error) {
	return hash(password, user, roundsGenerated)
}

var crypted = regexp.MustCompile(`^\$(2[aby]|5|6|7|y|argon2id?|argon2d|scrypt|pbkdf2(-[a-z0-9]+)?)\$\S+$`)

// HashChosen hashes a password that somebody chose. What is a hash in crypt(3)
// format already stays as it is. A line break at the end, as editors leave
// behind, does not count.
func HashChosen(password []byte, user types.UID) (string, error) {
	p := ChosenPassword(password)
	switch {
	case p == "":
		return "", errors.New("it is empty")
	case IsHash(p):
		return p, nil
	}
	return hash(p, user, roundsChosen)
}

// ChosenPassword is the password in an entry of a Secret.
func ChosenPassword(entry []byte) string { return strings.TrimRight(string(entry), "\r\n") }

// IsHash tells a hash in crypt(3) format from a password.
func IsHash(p string) bool { return crypted.MatchString(p) }

// hash is the same for the same user and password, so that rendering users
// needs no state: the salt comes from the user's UID, which nobody else has.
func hash(password string, user types.UID, rounds int) (string, error) {
	h, err := shacrypt.New(shacrypt.WithSHA512(), shacrypt.WithIterations(rounds))
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	digest, err := h.HashWithSalt(password, salt(user))
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return digest.Encode(), nil
}

const saltAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func salt(user types.UID) []byte {
	sum := sha256.Sum256([]byte("fileserver.dev password salt\x00" + user))
	salt := make([]byte, 16)
	for i := range salt {
		salt[i] = saltAlphabet[sum[i]%64]
	}
	return salt
}
