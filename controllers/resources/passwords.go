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

// HashGenerated hashes a password that GeneratePassword made.
func HashGenerated(password string, user types.UID) (string, error) {
	return hash(password, user, roundsGenerated)
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
	return hash(p, user, roundsChosen)
}

// ChosenPassword is the password in an entry of a Secret.
func ChosenPassword(entry []byte) string { return strings.TrimRight(string(entry), "\r\n") }

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
