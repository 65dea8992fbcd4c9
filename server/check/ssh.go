package check

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// ParseAuthority parses the public key of an authority that signs certificates of
// users, as a line of authorized_keys.
func ParseAuthority(line string) (ssh.PublicKey, error) {
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return nil, errors.New("is no public key in OpenSSH's format")
	}
	for _, option := range options {
		if name, _, _ := strings.Cut(option, "="); !strings.EqualFold(name, "cert-authority") {
			return nil, fmt.Errorf("has the option %.40q, which cannot be kept for an authority", name)
		}
	}
	if _, ok := key.(*ssh.Certificate); ok {
		return nil, errors.New("is a certificate, and no authority that signs them")
	}
	return key, nil
}

// ParseHostKey parses a private key in OpenSSH's or PEM format, and sees to it that
// it can sign.
func ParseHostKey(file []byte) (key ssh.Signer, err error) {
	defer func() {
		if recover() != nil {
			key, err = nil, errors.New("cannot be used as a private key")
		}
	}()
	key, err = ssh.ParsePrivateKey(file)
	if err != nil {
		if _, ok := errors.AsType[*ssh.PassphraseMissingError](err); ok {
			return nil, errors.New("is protected by a passphrase; store it without")
		}
		return nil, errors.New("is no private key in OpenSSH's or PEM format")
	}
	// Go signs with no shorter RSA key, which would only show when a client comes.
	const shortest = 1024
	if public, ok := key.PublicKey().(ssh.CryptoPublicKey); ok {
		if r, ok := public.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() < shortest {
			return nil, fmt.Errorf("is an RSA key of %d bits, and needs %d", r.N.BitLen(), shortest)
		}
	}
	return key, nil
}

// HostKeyAlgorithms are those that a host key can be used with, the best first.
func HostKeyAlgorithms(key ssh.Signer) []string {
	if m, ok := key.(ssh.MultiAlgorithmSigner); ok && len(m.Algorithms()) > 0 {
		return m.Algorithms()
	}
	if t := key.PublicKey().Type(); t != ssh.KeyAlgoRSA {
		return []string{t}
	}
	if _, ok := key.(ssh.AlgorithmSigner); !ok {
		return []string{ssh.KeyAlgoRSA}
	}
	return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
}

// HostKeysFit reports whether one of the keys can be used with one of the
// algorithms; no algorithms are the default ones, with which all can.
func HostKeysFit(keys []ssh.Signer, algorithms []string) bool {
	return len(algorithms) == 0 || slices.ContainsFunc(keys, func(key ssh.Signer) bool {
		return slices.ContainsFunc(HostKeyAlgorithms(key), func(name string) bool { return slices.Contains(algorithms, name) })
	})
}

// An AlgorithmKind is one of the lists of algorithms that SSH negotiates.
type AlgorithmKind string

// The lists.
const (
	KeyExchange        AlgorithmKind = "key exchange"
	Cipher             AlgorithmKind = "cipher"
	MAC                AlgorithmKind = "MAC"
	HostKeyAlgorithm   AlgorithmKind = "host key algorithm"
	PublicKeyAlgorithm AlgorithmKind = "public key algorithm"
)

// Algorithm says whether there is an algorithm of that name.
func Algorithm(kind AlgorithmKind, name string) error {
	good, legacy := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	var known []string
	switch kind {
	case KeyExchange:
		known = slices.Concat(good.KeyExchanges, []string{"curve25519-sha256@libssh.org"}, legacy.KeyExchanges)
	case Cipher:
		known = slices.Concat(good.Ciphers, legacy.Ciphers)
	case MAC:
		known = slices.Concat(good.MACs, legacy.MACs)
	case HostKeyAlgorithm:
		known = slices.Concat(good.HostKeys, legacy.HostKeys)
	case PublicKeyAlgorithm:
		known = slices.Concat(good.PublicKeyAuths, legacy.PublicKeyAuths)
	}
	known = slices.DeleteFunc(known, func(name string) bool {
		// A server cannot do these: x/crypto implements them for clients.
		return strings.HasPrefix(name, "diffie-hellman-group-exchange-") || strings.Contains(name, "-cert-v0")
	})
	if !slices.Contains(known, name) {
		return fmt.Errorf("is %.80q, and no %s of that name is known; there are %s", name, kind, strings.Join(known, ", "))
	}
	return nil
}

// Algorithms returns those that there are, and what was left out. A list that has
// none stays empty, which is the default.
func Algorithms(c config.SSHAlgorithms) (usable config.SSHAlgorithms, leftOut []config.LeftOut) {
	for _, list := range []struct {
		field string
		kind  AlgorithmKind
		names []string
		to    *[]string
	}{
		{"keyExchanges", KeyExchange, c.KeyExchanges, &usable.KeyExchanges},
		{"ciphers", Cipher, c.Ciphers, &usable.Ciphers},
		{"macs", MAC, c.MACs, &usable.MACs},
		{"hostKeys", HostKeyAlgorithm, c.HostKeys, &usable.HostKeys},
		{"publicKeys", PublicKeyAlgorithm, c.PublicKeys, &usable.PublicKeys},
	} {
		for i, name := range list.names {
			if err := Algorithm(list.kind, name); err != nil {
				leftOut = append(leftOut, config.LeftOut{Field: fmt.Sprintf("ssh.algorithms.%s[%d]", list.field, i), Reason: err.Error()})
				continue
			}
			*list.to = append(*list.to, name)
		}
	}
	return usable, leftOut
}

// Authorities returns the authorities that are some, and what was left out.
func Authorities(lines []string) (keys []ssh.PublicKey, leftOut []config.LeftOut) {
	for i, line := range lines {
		key, err := ParseAuthority(line)
		if err != nil {
			leftOut = append(leftOut, config.LeftOut{Field: fmt.Sprintf("ssh.trustedUserCAKeys[%d]", i), Reason: err.Error()})
			continue
		}
		keys = append(keys, key)
	}
	return keys, leftOut
}
