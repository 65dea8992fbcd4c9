package accounts

import (
	"encoding/base64"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/server/check"
)

// setHash gives an account the hash of its password. Nothing else than a hash that
// the server can use is taken: it would become the password itself.
func (a *Account) setHash(hash string) {
	hash = strings.TrimSpace(hash)
	if hash == "" {
		a.nothing = "can log in without a password, which no account here can"
		return
	}
	if strings.Trim(hash, "*!x") == "" || hash == "*LK*" || hash == "*NP*" {
		a.nothing = "has no password"
		return
	}
	hash = portable(hash)
	h, err := check.ParseHash(hash)
	if err == nil {
		err = h.Fits(check.HashMemory(0))
	}
	if err != nil {
		a.nothing = "has a password of which the hash cannot be used: it " + err.Error()
		return
	}
	a.Password = hash
}

// setPassword gives an account a password.
func (a *Account) setPassword(password string) {
	switch {
	case password == "":
		a.nothing = "has no password"
	case check.LooksLikeHash(password):
		a.nothing = "has a password that would be taken for a hash"
	case strings.ContainsAny(password, "\r\n"):
		a.nothing = "has a password with a line break"
	default:
		a.Password = password
	}
}

// portable writes a hash as the server knows it. SFTPGo has the salt of PBKDF2 as
// it is, and the key in base64; others have both in a base64 of their own.
func portable(hash string) string {
	parts := strings.Split(hash, "$")
	if len(parts) != 5 || !strings.HasPrefix(parts[1], "pbkdf2-") {
		return hash
	}
	kind, salt := strings.TrimPrefix(parts[1], "pbkdf2-"), []byte(parts[3])
	key, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil {
		return hash // it is in that base64 already
	}
	if short, ok := strings.CutPrefix(kind, "b64salt-"); ok {
		kind = short
		if salt, err = base64.StdEncoding.DecodeString(parts[3]); err != nil {
			return hash
		}
	}
	adapted := func(b []byte) string {
		return strings.ReplaceAll(base64.RawStdEncoding.EncodeToString(b), "+", ".")
	}
	id := "pbkdf2-" + kind
	if kind == "sha1" {
		id = "pbkdf2"
	}
	return "$" + strings.Join([]string{id, parts[2], adapted(salt), adapted(key)}, "$")
}
