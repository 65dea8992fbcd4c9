package sftp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/binary"
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

// offer is a client of alice's that has these algorithms only.
func (f *fixture) offer(c ssh.Config, hostKeys ...string) (ssh.NegotiatedAlgorithms, error) {
	client, err := f.dialConfig(&ssh.ClientConfig{
		User: "alice", Auth: []ssh.AuthMethod{ssh.PublicKeys(f.key)}, Config: c, HostKeyAlgorithms: hostKeys,
	})
	if err != nil {
		return ssh.NegotiatedAlgorithms{}, err
	}
	return client.Conn.(ssh.AlgorithmsConnMetadata).Algorithms(), nil
}

func TestALibraryOfAFewYearsAgoConnects(t *testing.T) {
	t.Parallel()
	f := serve(t)
	for _, kex := range []string{"ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"} {
		for _, mac := range []string{"hmac-sha2-256", "hmac-sha2-512"} {
			got, err := f.offer(ssh.Config{KeyExchanges: []string{kex}, Ciphers: []string{"aes256-ctr"}, MACs: []string{mac}})
			if err != nil || got.KeyExchange != kex || got.Read.MAC != mac {
				t.Errorf("%s, %s: %v, %v", kex, mac, got, err)
			}
		}
	}
}

func TestAClientWithBetterAlgorithmsGetsThose(t *testing.T) {
	t.Parallel()
	f := serve(t)
	got, err := f.offer(ssh.Config{
		KeyExchanges: []string{"ecdh-sha2-nistp256", "curve25519-sha256"},
		Ciphers:      []string{"aes256-ctr"},
		MACs:         []string{"hmac-sha2-256", "hmac-sha2-512-etm@openssh.com"},
	})
	if err != nil || got.KeyExchange != "curve25519-sha256" || got.Write.MAC != "hmac-sha2-512-etm@openssh.com" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAKeyExchangeThatCostsTheServerMostHasToBeListed(t *testing.T) {
	t.Parallel()
	costly := ssh.Config{KeyExchanges: []string{"diffie-hellman-group16-sha512"}}
	if _, err := serve(t).offer(costly); err == nil {
		t.Error("it is used unless listed")
	}
	listed := serve(t, func(f *fixture) { f.config.Algorithms.KeyExchanges = costly.KeyExchanges })
	if _, err := listed.offer(costly); err != nil {
		t.Errorf("it is listed: %v", err)
	}
}

func TestEachHostKeyCanBePinned(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) {
		f.config.HostKeys = append(f.config.HostKeys, newRSAKey(t), newECDSAKey(t))
		for _, curve := range []elliptic.Curve{elliptic.P384(), elliptic.P521()} {
			private, err := ecdsa.GenerateKey(curve, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			f.config.HostKeys = append(f.config.HostKeys, signer(t, private))
		}
	})
	all := []string{
		"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256",
	}
	for _, pinned := range all {
		// OpenSSH asks for the kind that it knows first, and for all others after that.
		for what, asked := range map[string][]string{"alone": {pinned}, "first": append([]string{pinned}, all...)} {
			if got, err := f.offer(ssh.Config{}, asked...); err != nil || got.HostKey != pinned {
				t.Errorf("%s, %s: %q, %v", pinned, what, got.HostKey, err)
			}
		}
	}
}

func TestTheOnlyHostKeyIsOfferedWhateverItIs(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) { f.config.HostKeys = []ssh.Signer{newECDSAKey(t)} })
	got, err := f.offer(ssh.Config{}, "ssh-ed25519", "rsa-sha2-512", "ecdsa-sha2-nistp256")
	if err != nil || got.HostKey != "ecdsa-sha2-nistp256" {
		t.Errorf("%q, %v", got.HostKey, err)
	}
}

func TestARefusalAtTheKeyExchangeNamesWhatTheClientOffered(t *testing.T) {
	t.Parallel()
	for what, tc := range map[string]struct {
		client ssh.Config
		wants  []string
	}{
		"ciphers":       {ssh.Config{Ciphers: []string{"aes128-cbc", "3des-cbc"}}, []string{"aes128-cbc,3des-cbc", "aes256-ctr"}},
		"key exchanges": {ssh.Config{KeyExchanges: []string{"diffie-hellman-group14-sha1"}}, []string{"diffie-hellman-group14-sha1"}},
		"MACs":          {ssh.Config{Ciphers: []string{"aes128-ctr"}, MACs: []string{"hmac-sha1"}}, []string{"offered=hmac-sha1 ", "hmac-sha2-256"}},
	} {
		f := serve(t)
		if _, err := f.dialConfig(&ssh.ClientConfig{
			User: "alice", Auth: []ssh.AuthMethod{ssh.PublicKeys(f.key)}, Config: tc.client, ClientVersion: "SSH-2.0-Renci.SshNet.SshClient.0.0.1",
		}); err == nil {
			t.Errorf("%s: not refused", what)
		}
		if r := f.events.session(t); r.Reason != "algorithms" || r.Client != "Renci.SshNet.SshClient.0.0.1" {
			t.Errorf("%s: the session ended as %+v", what, r)
		}
		for _, want := range append(tc.wants, "level=INFO", "Renci.SshNet.SshClient.0.0.1", "127.0.0.1") {
			if !strings.Contains(f.log.String(), want) {
				t.Errorf("%s: %q is not in the log: %s", what, want, f.log)
			}
		}
	}
}

func TestARefusalFillsNoLog(t *testing.T) {
	t.Parallel()
	f := serve(t)
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	names := strings.Repeat("\x01,", 15_000)
	payload := append([]byte{20}, make([]byte, 16)...)
	for _, list := range []string{names, "ssh-ed25519", "x", "x", "x", "x", "none", "none", "", ""} {
		payload = binary.BigEndian.AppendUint32(payload, uint32(len(list)))
		payload = append(payload, list...)
	}
	payload = append(payload, 0, 0, 0, 0, 0)
	padding := 16 - (len(payload)+5)%8
	p := binary.BigEndian.AppendUint32([]byte("SSH-2.0-"+strings.Repeat("v", 240)+"\r\n"), uint32(1+len(payload)+padding))
	p = append(append(append(p, byte(padding)), payload...), make([]byte, padding)...)
	if _, err := c.Write(p); err != nil {
		t.Fatal(err)
	}
	f.events.session(t)
	if log := f.log.String(); len(log) > 2000 || !strings.Contains(log, "no algorithm in common") {
		t.Errorf("%d bytes of log: %.3000s", len(log), log)
	}
}

func TestWhoNeedsAnRSAHostKeyIsNamedInTheLogWithTheFieldThatAddsOne(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]ssh.Signer{"no RSA key": {newECDSAKey(t)}, "an RSA key": {newRSAKey(t)}} {
		f := serve(t, func(f *fixture) { f.config.HostKeys = append(f.config.HostKeys, keys...) })
		_, err := f.dialConfig(&ssh.ClientConfig{User: "alice", Auth: []ssh.AuthMethod{ssh.PublicKeys(f.key)}, HostKeyAlgorithms: []string{ssh.KeyAlgoRSA}})
		f.events.session(t)
		named := strings.Contains(f.log.String(), "RSA in sshHostKeys.types")
		if lacks := name == "no RSA key"; err == nil || named != lacks {
			t.Errorf("%s: %v; the log: %s", name, err, f.log.String())
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
		`is "x", and no key exchange`:                                    {KeyExchanges: []string{"x"}},
		`is "aes512-gcm", and no cipher`:                                 {Ciphers: []string{"aes512-gcm"}},
		`is "md5", and no MAC`:                                           {MACs: []string{"hmac-sha1", "md5"}},
		`is "rsa", and no host key algorithm`:                            {HostKeys: []string{"rsa"}},
		`is "x", and no public key algorithm`:                            {PublicKeys: []string{"x"}},
		`is "diffie-hellman-group-exchange-sha256", and no key exchange`: {KeyExchanges: []string{"diffie-hellman-group-exchange-sha256"}},
	} {
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", a, err)
		}
	}
}
