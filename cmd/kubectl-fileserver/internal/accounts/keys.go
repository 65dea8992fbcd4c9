package accounts

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/check"
)

// addKeys gives an account the keys in its files.
func (b *book) addKeys(a *Account) {
	if b.Keys == "" {
		return
	}
	pattern := strings.NewReplacer("%%", "%", "%u", a.Name, "%h", strings.TrimSuffix(a.home, "/")).Replace(b.Keys)
	files, err := filepath.Glob(pattern)
	if err != nil {
		b.unsaid(a, "the pattern of its keys' files is none: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			b.unsaid(a, "its keys cannot be read: %v", err)
			continue
		}
		b.addKeyFile(a, filepath.Base(file), string(text))
	}
}

// addKeyFile gives an account the keys in a text, which is in the format of
// OpenSSH's authorized_keys or of RFC 4716.
func (b *book) addKeyFile(a *Account, file, text string) {
	if strings.Contains(text, ssh2Begin) {
		for i, block := range strings.Split(text, ssh2Begin)[1:] {
			key, err := parseSSH2(block)
			if err != nil {
				b.unsaid(a, "key %d of %s %v", i+1, file, err)
				continue
			}
			b.addKey(a, fmt.Sprintf("key %d of %s", i+1, file), key)
		}
		return
	}
	for _, line := range lines(text) {
		b.addKey(a, fmt.Sprintf("line %d of %s", line.number, file), line.text)
	}
}

// addKey gives an account a key, if the server can use it.
func (b *book) addKey(a *Account, what, key string) {
	key = strings.TrimSpace(key)
	if _, err := check.ParseKey(key); err != nil {
		b.unsaid(a, "%s %v", what, err)
		return
	}
	if len(key) > 8192 {
		b.unsaid(a, "%s is longer than 8192 bytes", what)
		return
	}
	if !slices.Contains(a.Spec.AuthorizedKeys, key) {
		a.Spec.AuthorizedKeys = append(a.Spec.AuthorizedKeys, key)
	}
}

// Around a key in the format of RFC 4716 section 3.
const (
	ssh2Begin = "---- BEGIN SSH2 PUBLIC KEY ----"
	ssh2End   = "---- END SSH2 PUBLIC KEY ----"
)

// parseSSH2 writes a key in OpenSSH's format.
func parseSSH2(block string) (string, error) {
	body, _, whole := strings.Cut(block, ssh2End)
	if !whole {
		return "", fmt.Errorf("is cut")
	}
	var blob strings.Builder
	header := false
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\r\n")
		switch continues := strings.HasSuffix(line, `\`); {
		case header, strings.Contains(line, ":"): // a header, and a backslash continues it
			header = continues
		default:
			blob.WriteString(strings.TrimSpace(line))
		}
	}
	raw, err := base64.StdEncoding.DecodeString(blob.String())
	if err != nil {
		return "", fmt.Errorf("is no public key")
	}
	key, err := ssh.ParsePublicKey(raw)
	if err != nil {
		return "", fmt.Errorf("is no public key")
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), nil
}
