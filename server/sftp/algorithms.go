package sftp

import (
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/check"
)

// Algorithms are lists of names as in RFC 4253, the most wanted first. An empty
// list is the default one, of [DefaultAlgorithms], to which those of
// [CompatibleAlgorithms] are added for a client that needs them. Names of legacy
// algorithms work when they are listed; they are never offered by default.
type Algorithms struct {
	KeyExchanges []string
	Ciphers      []string
	MACs         []string // not used with AES-GCM and ChaCha20-Poly1305
	HostKeys     []string
	PublicKeys   []string // for the keys of users
}

// DefaultAlgorithms returns what is offered unless something else is asked
// for: nothing that auditors warn of, and nothing that costs the server much more
// than the client (Diffie-Hellman over large groups does). AES-GCM is preferred,
// being the fastest by far.
func DefaultAlgorithms() Algorithms {
	return Algorithms{
		KeyExchanges: []string{
			ssh.KeyExchangeMLKEM768X25519,
			ssh.KeyExchangeCurve25519,
			"curve25519-sha256@libssh.org", // the name before RFC 8731
		},
		Ciphers: []string{
			ssh.CipherAES128GCM,
			ssh.CipherAES256GCM,
			ssh.CipherChaCha20Poly1305,
			ssh.CipherAES256CTR,
			ssh.CipherAES192CTR,
			ssh.CipherAES128CTR,
		},
		MACs:     []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM},
		HostKeys: []string{ssh.KeyAlgoED25519, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256},
		PublicKeys: []string{
			ssh.KeyAlgoED25519,
			ssh.KeyAlgoSKED25519,
			ssh.KeyAlgoSKECDSA256,
			ssh.KeyAlgoECDSA256,
			ssh.KeyAlgoECDSA384,
			ssh.KeyAlgoECDSA521,
			ssh.KeyAlgoRSASHA512,
			ssh.KeyAlgoRSASHA256,
		},
	}.known()
}

// known leaves out what the library does not have: in FIPS mode, what is not approved.
func (a Algorithms) known() Algorithms {
	for _, list := range []struct {
		kind  check.AlgorithmKind
		names *[]string
	}{
		{check.KeyExchange, &a.KeyExchanges},
		{check.Cipher, &a.Ciphers},
		{check.MAC, &a.MACs},
		{check.HostKeyAlgorithm, &a.HostKeys},
		{check.PublicKeyAlgorithm, &a.PublicKeys},
	} {
		*list.names = slices.DeleteFunc(*list.names, func(name string) bool { return check.Algorithm(list.kind, name) != nil })
	}
	return a
}

// CompatibleAlgorithms returns what is offered besides the default ones to
// clients that could not connect otherwise: nobody calls these broken, and
// libraries of a few years ago have nothing better. Auditors would rather not see
// them, so clients that have better ones do not.
func CompatibleAlgorithms() Algorithms {
	return Algorithms{
		KeyExchanges: []string{ssh.KeyExchangeECDHP256, ssh.KeyExchangeECDHP384, ssh.KeyExchangeECDHP521},
		MACs:         []string{ssh.HMACSHA256, ssh.HMACSHA512},
		HostKeys:     []string{ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521},
	}.known()
}

// forClient fills in the lists that are empty, for a client with these offers
// and a server with these host keys.
func (a Algorithms) forClient(o offers, keys []ssh.Signer) Algorithms {
	d, more := DefaultAlgorithms(), CompatibleAlgorithms()
	fill := func(list *[]string, byDefault []string) {
		if len(*list) == 0 {
			*list = byDefault
		}
	}
	fill(&a.KeyExchanges, widened(d.KeyExchanges, more.KeyExchanges, o.keyExchanges))
	fill(&a.Ciphers, d.Ciphers)
	fill(&a.MACs, widened(d.MACs, more.MACs, o.macs))
	fill(&a.HostKeys, wantedHostKeys(d.HostKeys, more.HostKeys, o.hostKeys, keys))
	fill(&a.PublicKeys, d.PublicKeys)
	return a
}

// widened adds more to list if a client has nothing of list, or has not said
// what it has.
func widened(list, more, clients []string) []string {
	if len(inBoth(list, clients)) > 0 {
		return list
	}
	return slices.Concat(list, more)
}

// wantedHostKeys adds more to list unless the client would rather see a key for
// list. A client that has pinned a key asks for its kind first, and takes any
// other for that of an attacker.
func wantedHostKeys(list, more, clients []string, keys []ssh.Signer) []string {
	var held []string
	for _, key := range keys {
		held = append(held, check.HostKeyAlgorithms(key)...)
	}
	for _, name := range inBoth(clients, held) {
		switch {
		case slices.Contains(list, name):
			return list
		case slices.Contains(more, name):
			return slices.Concat(more, list)
		}
	}
	return slices.Concat(list, more)
}

// Validate returns an error if a name is not one that the server knows.
func (a Algorithms) Validate() error {
	for _, list := range []struct {
		kind  check.AlgorithmKind
		names []string
	}{
		{check.KeyExchange, a.KeyExchanges},
		{check.Cipher, a.Ciphers},
		{check.MAC, a.MACs},
		{check.HostKeyAlgorithm, a.HostKeys},
		{check.PublicKeyAlgorithm, a.PublicKeys},
	} {
		for _, name := range list.names {
			if err := check.Algorithm(list.kind, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// preferFast narrows the ciphers to AES-GCM if the client has one of those
// that are offered. The order of the client decides otherwise (RFC 4253
// section 7.1), and OpenSSH asks for ciphers first that cost several times as
// much, though it has AES-GCM too.
func preferFast(offered, clients []string) []string {
	var fast []string
	for _, name := range offered {
		if strings.Contains(name, "-gcm@") {
			fast = append(fast, name)
		}
	}
	if slices.ContainsFunc(fast, func(name string) bool { return slices.Contains(clients, name) }) {
		return fast
	}
	return offered
}

// restrictHostKeys returns the keys that have an algorithm in the list,
// restricted to those.
func restrictHostKeys(keys []ssh.Signer, algorithms []string) []ssh.Signer {
	var usable []ssh.Signer
	for _, key := range keys {
		var fit []string
		for _, name := range algorithms {
			if slices.Contains(check.HostKeyAlgorithms(key), name) {
				fit = append(fit, name)
			}
		}
		if len(fit) == 0 {
			continue
		}
		as, ok := key.(ssh.AlgorithmSigner)
		if !ok {
			usable = append(usable, key)
			continue
		}
		if restricted, err := ssh.NewSignerWithAlgorithms(as, fit); err == nil {
			usable = append(usable, restricted)
		}
	}
	return usable
}
