package sftp_test

import (
	"net"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
)

func TestAnAuditHasNothingToSay(t *testing.T) {
	t.Parallel()
	program(t, "ssh-audit")
	f := serve(t, func(f *fixture) { f.config.HostKeys = append(f.config.HostKeys, newRSAKey(t), newECDSAKey(t)) })
	_, port, _ := net.SplitHostPort(f.addr)
	// Its exit status is that of its findings, which are looked at below.
	out, _ := exec.CommandContext(t.Context(), "ssh-audit", "-n", "-p", port, "127.0.0.1").CombinedOutput()
	for line := range strings.SplitSeq(string(out), "\n") {
		// Releases before 3 know neither ML-KEM nor the defence against Terrapin.
		newer := strings.Contains(line, "unknown algorithm") &&
			(strings.Contains(line, " mlkem768x25519-sha256 ") || strings.Contains(line, " kex-strict-s-v00@openssh.com "))
		if (strings.Contains(line, "[fail]") || strings.Contains(line, "[warn]")) && !newer {
			t.Error(line)
		}
	}
	if !strings.Contains(string(out), "ssh-ed25519") || !strings.Contains(string(out), "aes128-gcm") {
		t.Errorf("not an audit: %s", out)
	}
}

func TestTheFastestCipherIsUsedWhereTheClientHasIt(t *testing.T) {
	t.Parallel()
	f := serve(t)
	for first, want := range map[string]string{
		"chacha20-poly1305@openssh.com aes128-ctr aes256-gcm@openssh.com": "aes256-gcm@openssh.com",
		"chacha20-poly1305@openssh.com aes128-ctr":                        "chacha20-poly1305@openssh.com",
		"aes128-ctr chacha20-poly1305@openssh.com":                        "aes128-ctr",
		"aes192-ctr": "aes192-ctr",
	} {
		c, err := f.dialConfig(&ssh.ClientConfig{
			User: "alice", Auth: []ssh.AuthMethod{ssh.PublicKeys(f.key)}, Config: ssh.Config{Ciphers: strings.Fields(first)},
		})
		if err != nil {
			t.Errorf("%s: %v", first, err)
			continue
		}
		if got := c.Conn.(ssh.AlgorithmsConnMetadata).Algorithms().Write.Cipher; got != want {
			t.Errorf("%s: %s is used", first, got)
		}
	}
}

func TestLegacyAlgorithmsHaveToBeListed(t *testing.T) {
	t.Parallel()
	key := newRSAKey(t)
	for name, tc := range map[string]struct {
		client ssh.Config
		host   string
		listed sftp.Algorithms
	}{
		"an old key exchange": {ssh.Config{KeyExchanges: []string{"diffie-hellman-group1-sha1"}}, "",
			sftp.Algorithms{KeyExchanges: []string{"diffie-hellman-group1-sha1"}}},
		"a less old key exchange": {ssh.Config{KeyExchanges: []string{"diffie-hellman-group14-sha1"}}, "",
			sftp.Algorithms{KeyExchanges: []string{"curve25519-sha256", "diffie-hellman-group14-sha1"}}},
		"CBC": {ssh.Config{Ciphers: []string{"aes128-cbc"}}, "",
			sftp.Algorithms{Ciphers: []string{"aes128-gcm@openssh.com", "aes128-cbc"}}},
		"a MAC of SHA-1": {ssh.Config{Ciphers: []string{"aes128-ctr"}, MACs: []string{"hmac-sha1"}}, "",
			sftp.Algorithms{MACs: []string{"hmac-sha1"}}},
		"a host key with SHA-1": {ssh.Config{}, "ssh-rsa",
			sftp.Algorithms{HostKeys: []string{"ssh-rsa"}}},
	} {
		for listed, algorithms := range map[bool]sftp.Algorithms{false: {}, true: tc.listed} {
			f := serve(t, func(f *fixture) {
				f.config.HostKeys = append(f.config.HostKeys, key)
				f.config.Algorithms = algorithms
			})
			config := &ssh.ClientConfig{User: "alice", Auth: []ssh.AuthMethod{ssh.PublicKeys(f.key)}, Config: tc.client}
			if tc.host != "" {
				config.HostKeyAlgorithms = []string{tc.host}
			}
			if _, err := f.dialConfig(config); (err == nil) != listed {
				t.Errorf("%s, listed: %v: %v", name, listed, err)
			}
		}
	}
}

func TestAlgorithmsAreChecked(t *testing.T) {
	t.Parallel()
	if err := sftp.DefaultAlgorithms().Validate(); err != nil {
		t.Error(err)
	}
	for want, a := range map[string]sftp.Algorithms{
		`key exchange "x"`:         {KeyExchanges: []string{"x"}},
		`cipher "aes512-gcm"`:      {Ciphers: []string{"aes512-gcm"}},
		`MAC "md5"`:                {MACs: []string{"hmac-sha1", "md5"}},
		`host key algorithm "rsa"`: {HostKeys: []string{"rsa"}},
		`public key algorithm "x"`: {PublicKeys: []string{"x"}},
		`key exchange "diffie-hellman-group-exchange-sha256"`: {KeyExchanges: []string{"diffie-hellman-group-exchange-sha256"}},
	} {
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", a, err)
		}
	}
}
