package sftp_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
	"github.com/fileserver-dev/fileserver-operator/server/sftp/rootfs"
)

func interactive(answer string) ssh.AuthMethod {
	return ssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
		if len(questions) != 1 || echos[0] {
			return nil, errors.New("unexpected questions")
		}
		return []string{answer}, nil
	})
}

func TestAUserLogsInWithEachMethod(t *testing.T) {
	t.Parallel()
	f := serve(t)
	n := 0
	for method, auth := range map[string]ssh.AuthMethod{
		"password":             ssh.Password(password),
		"keyboard-interactive": interactive(password),
		"publickey":            ssh.PublicKeys(f.key),
	} {
		if _, err := f.dial(auth); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		n++
		last := f.events.login(t, n)
		if last.Method != method || last.User != "alice" || last.Err != nil || (last.Key != "") != (method == "publickey") {
			t.Errorf("%s: recorded as %+v", method, last)
		}
	}
	for method, auth := range map[string]ssh.AuthMethod{
		"password": ssh.Password("wrong"), "keyboard-interactive": interactive("wrong"), "publickey": ssh.PublicKeys(newKey(t)),
	} {
		if _, err := f.dial(auth); err == nil {
			t.Errorf("%s: logged in with a wrong one", method)
		}
		n++
		if last := f.events.login(t, n); last.Method != method || last.Err == nil {
			t.Errorf("%s: recorded as %+v", method, last)
		}
	}
	if strings.Contains(f.log.String(), password) || strings.Contains(f.log.String(), "wrong") {
		t.Error("a password was logged")
	}
}

func TestAUserWhoNeedsAllNeedsAKeyAndThePassword(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) {
		f.backend.SetUser("alice", &rootfs.User{Password: password, Keys: []ssh.PublicKey{f.key.PublicKey()}, RequireAll: true})
	})
	key, word := ssh.PublicKeys(f.key), ssh.Password(password)
	for name, methods := range map[string][]ssh.AuthMethod{
		"key, then password":    {key, word},
		"password, then key":    {word, key},
		"key, then interactive": {key, interactive(password)},
	} {
		if _, err := f.dial(methods...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, methods := range map[string][]ssh.AuthMethod{
		"only the key":            {key},
		"only the password":       {word},
		"the password twice":      {word, interactive(password)},
		"key, then wrong":         {key, ssh.Password("wrong")},
		"password, then no key":   {word, ssh.PublicKeys(newKey(t))},
		"a wrong key and another": {ssh.PublicKeys(newKey(t)), word},
	} {
		if _, err := f.dial(methods...); err == nil {
			t.Errorf("%s: logged in", name)
		}
	}
	if got := f.events.login(t, 1).Method; !strings.Contains(got, "+") {
		t.Errorf("two methods were recorded as %q", got)
	}
}

// counting counts sessions that were begun.
type counting struct {
	sftp.Backend
	begun atomic.Int32
}

type countingAccount struct {
	sftp.Account
	b *counting
}

func (b *counting) PublicKey(ctx context.Context, c *sftp.Conn, user string, key ssh.PublicKey) (sftp.Account, error) {
	a, err := b.Backend.PublicKey(ctx, c, user, key)
	if err != nil {
		return nil, err
	}
	return countingAccount{a, b}, nil
}

func (a countingAccount) Login(ctx context.Context, c *sftp.Conn) (sftp.Session, error) {
	a.b.begun.Add(1)
	return a.Account.Login(ctx, c)
}

// liar has a public key and cannot sign with it.
type liar struct{ ssh.Signer }

func (l liar) Sign(io.Reader, []byte) (*ssh.Signature, error) {
	return &ssh.Signature{Format: l.PublicKey().Type(), Blob: make([]byte, 64)}, nil
}

func TestNoSessionBeginsBeforeTheSignatureIsVerified(t *testing.T) {
	t.Parallel()
	var b *counting
	f := serve(t, func(f *fixture) {
		b = &counting{Backend: f.backend}
		f.options.Backend = b
	})
	if _, err := f.dial(ssh.PublicKeys(liar{f.key})); err == nil {
		t.Fatal("logged in without the private key")
	}
	f.events.session(t)
	if n := b.begun.Load(); n != 0 {
		t.Errorf("%d sessions were begun", n)
	}
	f.events.wait(t, "the record of the attempt", func() bool {
		return len(f.events.logins) == 1 && f.events.logins[0].Err != nil
	})
	f.ssh()
	if n := b.begun.Load(); n != 1 {
		t.Errorf("one login has begun %d sessions", n)
	}
}

// certificate signs a certificate for the key of the fixture's user.
func (f *fixture) certificate(ca ssh.Signer, change func(*ssh.Certificate)) ssh.AuthMethod {
	f.t.Helper()
	cert := &ssh.Certificate{
		Key: f.key.PublicKey(), CertType: ssh.UserCert, KeyId: "test", ValidPrincipals: []string{"alice"},
		ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	if change != nil {
		change(cert)
	}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		f.t.Fatal(err)
	}
	signer, err := ssh.NewCertSigner(cert, f.key)
	if err != nil {
		f.t.Fatal(err)
	}
	return ssh.PublicKeys(signer)
}

func TestCertificatesOfATrustedAuthorityAreAccepted(t *testing.T) {
	t.Parallel()
	ca := newKey(t)
	f := serve(t, func(f *fixture) {
		f.config.TrustedUserCAs = []ssh.PublicKey{ca.PublicKey()}
		f.backend.SetUser("alice", &rootfs.User{})
	})
	options := func(name, value string) func(*ssh.Certificate) {
		return func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{name: value} }
	}
	for name, tc := range map[string]struct {
		ca     ssh.Signer
		change func(*ssh.Certificate)
		want   bool
	}{
		"a good one":                       {ca, nil, true},
		"from the client's address":        {ca, options("source-address", "127.0.0.0/8"), true},
		"for SFTP only":                    {ca, options("force-command", "internal-sftp"), true},
		"from another address":             {ca, options("source-address", "192.0.2.1"), false},
		"for another command":              {ca, options("force-command", "/bin/sh"), false},
		"with an option that is not known": {ca, options("verify-required", ""), false},
		"of another authority":             {newKey(t), nil, false},
		"for another user":                 {ca, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"bob"} }, false},
		"for nobody":                       {ca, func(c *ssh.Certificate) { c.ValidPrincipals = nil }, false},
		"for a host":                       {ca, func(c *ssh.Certificate) { c.CertType = ssh.HostCert }, false},
		"that has expired":                 {ca, func(c *ssh.Certificate) { c.ValidBefore = 1 }, false},
		"that is not valid yet":            {ca, func(c *ssh.Certificate) { c.ValidAfter = c.ValidBefore - 1 }, false},
	} {
		if _, err := f.dial(f.certificate(tc.ca, tc.change)); (err == nil) != tc.want {
			t.Errorf("a certificate %s: %v", name, err)
		}
	}
	f.events.wait(t, "a login by certificate", func() bool {
		for _, l := range f.events.logins {
			if l.Err == nil {
				return l.Method == "certificate" && strings.HasPrefix(l.Key, "SHA256:")
			}
		}
		return false
	})
}

// hardware signs as a security key does (PROTOCOL.u2f of OpenSSH).
type hardware struct {
	private ed25519.PrivateKey
	public  ssh.PublicKey
	flags   byte
}

const application = "ssh:"

func newHardware(t *testing.T, flags byte) *hardware {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	blob := ssh.Marshal(struct {
		Type   string
		Public []byte
		App    string
	}{ssh.KeyAlgoSKED25519, public, application})
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		t.Fatal(err)
	}
	return &hardware{private, key, flags}
}

func (h *hardware) PublicKey() ssh.PublicKey { return h.public }

func (h *hardware) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	app, sum := sha256.Sum256([]byte(application)), sha256.Sum256(data)
	rest := binary.BigEndian.AppendUint32([]byte{h.flags}, 7)
	signed := append(append(app[:], rest...), sum[:]...)
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(h.private, signed), Rest: rest}, nil
}

func TestKeysInHardwareAreAcceptedIfTouched(t *testing.T) {
	t.Parallel()
	touched, untouched := newHardware(t, 1), newHardware(t, 0)
	f := serve(t, func(f *fixture) {
		f.backend.SetUser("alice", &rootfs.User{Keys: []ssh.PublicKey{touched.public, untouched.public}})
	})
	if _, err := f.dial(ssh.PublicKeys(touched)); err != nil {
		t.Errorf("a key that was touched: %v", err)
	}
	if _, err := f.dial(ssh.PublicKeys(untouched)); err == nil {
		t.Error("a key that was not touched has logged in")
	}
}

func TestAttemptsAreLimited(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) { f.options.Limits.MaxLoginAttempts = 3 })
	asked := 0
	guess := ssh.RetryableAuthMethod(ssh.PasswordCallback(func() (string, error) {
		asked++
		return "wrong", nil
	}), 100)
	if _, err := f.dial(guess); err == nil {
		t.Fatal("logged in")
	}
	if asked != 3 {
		t.Errorf("the client could try %d passwords", asked)
	}
	if r := f.events.session(t); r.Reason != "login failed" || r.FailedLogins != 3 || r.Probe {
		t.Errorf("recorded as %+v", r)
	}
}

// full is a backend that has no room for another session.
type full struct{ sftp.Backend }

type fullAccount struct{ sftp.Account }

func (b full) Password(ctx context.Context, c *sftp.Conn, user, password string) (sftp.Account, error) {
	a, err := b.Backend.Password(ctx, c, user, password)
	if err != nil {
		return nil, err
	}
	return fullAccount{a}, nil
}

func (fullAccount) Login(context.Context, *sftp.Conn) (sftp.Session, error) {
	return nil, &sftp.Error{Text: "Too many sessions of this user"}
}

func TestTheBannerIsShownAndSoIsARefusal(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) {
		f.config.Banner = "Authorized use only.\nReally.\n"
		f.options.Backend = full{f.backend}
	})
	var banners []string
	_, err := f.dialConfig(&ssh.ClientConfig{
		User: "alice", Auth: []ssh.AuthMethod{ssh.Password(password)},
		BannerCallback: func(m string) error { banners = append(banners, m); return nil },
	})
	if err == nil {
		t.Fatal("logged in")
	}
	want := []string{"Authorized use only.\nReally.\r\n", "Too many sessions of this user\r\n"}
	if strings.Join(banners, "|") != strings.Join(want, "|") {
		t.Errorf("banners: %q", banners)
	}
}
