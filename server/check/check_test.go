package check

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm8AP6O9MJY0UmrPIH5Y6tDsyX9bSYsMWcJsjF1wMUr"

const good = "$6$rounds=5000$decoydecoydecoyd$bXyXBGvBrVeCNsShKVJVjCLLRBRyMVNAqMpnWAwB3HJYAfOHVN0vDcnkQyzJhE4yRj9fiAzbqhcmvjbUCPhXS0"

// wants compares an error with a piece of its text; "" is none.
func wants(t *testing.T, what string, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %v, want %q", what, err, want)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		key: "", key + " alice@example.com": "", "restrict,pty " + key: "", `from="192.0.2.0/24" ` + key: "",
		`expiry-time="20300101Z" ` + key:      "",
		"":                                    "no public key",
		"ssh-ed25519 AAAA":                    "no public key",
		"-----BEGIN OPENSSH PRIVATE KEY-----": "no public key",
		"---- BEGIN SSH2 PUBLIC KEY ----":     "no public key",
		`from="*.example.com" ` + key:         `"from" with something that is neither an address nor a network`,
		`command="rrsync /srv" ` + key:        `the option "command", which cannot be kept`,
		`expiry-time="soon" ` + key:           "no time",
		"cert-authority " + key:               "certificate authority",
	} {
		_, err := ParseKey(line)
		wants(t, line, err, want)
	}
}

func TestAuthorities(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		key: "", "cert-authority " + key: "",
		"nonsense":                       "no public key",
		`cert-authority,from="x" ` + key: `the option "from"`,
		certificate(t):                   "is a certificate",
	} {
		_, err := ParseAuthority(line)
		wants(t, line, err, want)
	}
	keys, left := Authorities([]string{"nonsense", key})
	if len(keys) != 1 || len(left) != 1 || left[0].Field != "ssh.trustedUserCAKeys[0]" {
		t.Errorf("got %d keys, and left out is %+v", len(keys), left)
	}
}

func certificate(t *testing.T) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert := &ssh.Certificate{Key: signer.PublicKey(), CertType: ssh.UserCert}
	if err := cert.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(cert))
}

func TestHostKeys(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := ssh.MarshalPrivateKey(ec, "")
	if err != nil {
		t.Fatal(err)
	}
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(ec, "", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		file []byte
		want string
	}{
		"a key":                   {pem.EncodeToMemory(plain), ""},
		"one with a passphrase":   {pem.EncodeToMemory(locked), "passphrase"},
		"nothing":                 {nil, "no private key"},
		"a public key":            {[]byte(key), "no private key"},
		"an RSA key that is weak": {[]byte(weakRSA), "bits, and needs 1024"},
		"a DSA key":               {[]byte(dsaKey), "no private key"},
	} {
		_, err := ParseHostKey(tc.file)
		wants(t, name, err, tc.want)
	}
	signer, err := ParseHostKey(pem.EncodeToMemory(plain))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"": true, "ecdsa-sha2-nistp256": true, "ssh-ed25519": false} {
		if got := HostKeysFit([]ssh.Signer{signer}, strings.Fields(name)); got != want {
			t.Errorf("%q fits an ECDSA key: %t", name, got)
		}
	}
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	usable, left := Algorithms(config.SSHAlgorithms{Ciphers: []string{"aes256-crt", "aes256-ctr"}, MACs: []string{"none"}})
	if fmt.Sprint(usable.Ciphers, usable.MACs) != "[aes256-ctr] []" || len(left) != 2 ||
		left[0].Field != "ssh.algorithms.ciphers[0]" || !strings.HasPrefix(left[0].Reason, `is "aes256-crt", and no cipher of that name is known; there are `) {
		t.Errorf("usable are %+v, left out is %+v", usable, left)
	}
}

func TestHashes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		good: "", "$2b$12$" + strings.Repeat("a", 53): "",
		"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7": "",
		good[:len(good)-1]:                  "cut short",
		"$2b$12$" + strings.Repeat("a", 52): "",
		"$1$salt$5PFvHdEfvkVbSw.gqrAkv0":    "unknown kind of hash",
		"":                                  "unknown kind of hash",
		"plain":                             "unknown kind of hash",
		"$argon2id$v=19$m=1048576,t=3,p=4$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5": "1024 MiB",
	} {
		if strings.HasSuffix(text, strings.Repeat("a", 52)) && !strings.HasSuffix(text, strings.Repeat("a", 53)) {
			want = "hash" // the library or the length says so
		}
		h, err := ParseHash(text)
		if err == nil {
			err = h.Fits(HashMemory(0))
		}
		wants(t, text, err, want)
	}
	for text, want := range map[string]bool{
		good: true, "$1$x$y": true, "$apr1$x$y": true, "{SSHA}abc": true, "alice:$2y$05$x": true,
		"secret": false, "$ecret": false, "{json}": false, "a:b": false, "$5 a day": false, "": false,
	} {
		if got := LooksLikeHash(text); got != want {
			t.Errorf("%q looks like a hash: %t", text, got)
		}
	}
}

// Nowhere is not everywhere.
func TestSourcesThatCannotBeReadLetNobodyIn(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"":                           "[] []",
		"192.0.2.7 10.1.2.3/8":       "[192.0.2.7/32 10.0.0.0/8] []",
		"::ffff:192.0.2.7":           "[192.0.2.7/32] []",
		"::ffff:10.0.0.0/104":        "[10.0.0.0/8] []",
		"*.example.com 192.0.2.7":    "[192.0.2.7/32] [0]",
		"*.example.com":              "[0.0.0.0/32] [0]",
		"192.0.2.7/33 office 1.2.3":  "[0.0.0.0/32] [0 1 2]",
		"fe80::1%eth0 2001:db8::/32": "[fe80::1/128 2001:db8::/32] []",
	} {
		networks, bad := Sources(strings.Fields(list))
		if got := fmt.Sprint(networks, bad); got != want {
			t.Errorf("%q: got %s, want %s", list, got, want)
		}
	}
	if !Overlap([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{"node.example.com", "10.1.1.1"}) {
		t.Error("an address of the network is not found")
	}
}

// No input in a Secret, a ConfigMap or a manifest makes a function panic, and no
// error repeats what it was given.
func FuzzNothingPanics(f *testing.F) {
	for _, s := range []string{key, `from="10.0.0.0/8,!10.1.0.0/16" ` + key, good, "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$a2V5a2V5", "$y$j9T$", "$scrypt$ln=63,r=8,p=1$a$b", "$2b$", "{SSHA}x", weakRSA, dsaKey, "10.0.0.0/8", "::ffff:0.0.0.0/96"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var errs []error
		_, err := ParseKey(s)
		errs = append(errs, err)
		_, err = ParseAuthority(s)
		errs = append(errs, err)
		_, err = ParseHostKey([]byte(s))
		errs = append(errs, err)
		h, err := ParseHash(s)
		if err == nil && h.Fits(1<<20) == nil && h.seconds < 0.01 {
			h.Match("x")
		}
		errs = append(errs, err)
		_, _ = Sources([]string{s})
		_, _ = Algorithms(config.SSHAlgorithms{Ciphers: []string{s}, HostKeys: []string{s}})
		_ = LooksLikeHash(s)
		for _, err := range errs {
			if err != nil && len(s) > 60 && strings.Contains(err.Error(), s) {
				t.Errorf("%v repeats %q", err, s)
			}
		}
	})
}

// Keys that nobody uses: made for this test, too weak for any other use.
const (
	weakRSA = `-----BEGIN RSA PRIVATE KEY-----
MIIBPAIBAAJBAMYUHGV1BxrFEcAGoCqOCy9xHjPzavpQqGGeOUwQITO4Se0TOlPq
pverpmE27oe6z8WZIPlUpHNn0VB6xhWpDRECAwEAAQJBAJ5Aow9MGIkCudO5d22I
XtdggMjwyZ+DoYOcbhqfKGewhI++WzW1OcL3dExE7vvyk08MLQIDnh2lRHZWkLfp
C6ECIQDwF+kOCxrkT4DZZwQ0PthuzV77eIFwcneZt5OSo7xWCwIhANMznEDqqZZ/
F3toJB9PuLnoE11n3gl7EwSnSD85yabTAiAoWmxyTs2DSBWI9LaRLWrlHKF1NKjU
xHhznpYwFFMIRwIhAKPsINC50Zp/VghwUekDhUq1d6I9pbYSEjbAZ3C7N2oFAiEA
zE7j60/VCZS0mnuNbD3QjkQSEF0C7ZQAmNu+2TqwqhM=
-----END RSA PRIVATE KEY-----
`
	dsaKey = `-----BEGIN DSA PRIVATE KEY-----
MIIBygIBAAKBgQCu9oGEDrBEVUoUj98VWWI7laOYiihNKU//mIhTsGUz6es62TDc
dvjquJnJqb1/zM9gu10TyVxjgONh880b8AfS9kRqZzoWDt1O3Pq73ccFmWN14+lo
S1RGQwMBPQEhFIJ6Lam52pFrmq7vw6k3oVR/ApNM8n+HU10YlqXKw9UgfwIdALZd
CpuL3CWBWxY70m74ORdgbbFveEX+ww17xN0CgYA8ILcYt2IUxcuT0mwm1v8y18Ht
6g/xNeQ6I05qXLKMbc+B22d/o3+vDLugkWEebG/CXE1q31NfCYld0inIrdXKrSOp
TlKvYWh7cMXN3RsL+O360ihO/QdHEsu0F75xSr4n8lfnRUhgh2+CXafYGS5vNn/m
SwYHFpInUbLtuDm1bwKBgGngWhmXpcBNYGbyuGHbm8vkS6PpthBwwLoAj6aaux2g
oTGBcZuxopsZuCLbtK1TgND4hmjIaK1BCw+h6pQxdlxXkw6mAyogr1DwGXJ+e2MQ
jawHzgnTUYI8plcjWKEFgQdxSl7e3NBbhHerMTjXN/bmJQMyNuiyF4Td8E/q+pQZ
AhxqgTwH78nIoUQSOZsIRZpJnCQLYfIu4pvQ/lYA
-----END DSA PRIVATE KEY-----
`
)
