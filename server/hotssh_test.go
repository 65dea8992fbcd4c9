package server

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// hotSSH are the tests of what is hot about SSH.
var hotSSH = map[string]func(t *testing.T){
	"ssh.hostKeyFiles": func(t *testing.T) {
		i := start(t)
		before := i.loaded().HostKeys
		i.config.SSH.HostKeyFiles = []string{filepath.Join(i.dir, "rotated")}
		writeHostKey(t, i.config.SSH.HostKeyFiles[0])
		i.reloadFiles()
		var shown string
		i.dialWith(func(c *ssh.ClientConfig) {
			c.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
				shown = ssh.FingerprintSHA256(key)
				return nil
			}
		})
		if now := i.loaded().HostKeys; len(now) != 1 || now[0] != shown || now[0] == before[0] {
			t.Errorf("shown is %s, said to be in force are %q", shown, now)
		}
	},
	"ssh.banner": func(t *testing.T) {
		i := start(t)
		i.config.SSH.Banner = "Hello"
		i.reloadFiles()
		var shown string
		i.dialWith(func(c *ssh.ClientConfig) {
			c.BannerCallback = func(m string) error { shown = m; return nil }
		})
		if !strings.HasPrefix(shown, "Hello") {
			t.Errorf("the banner is %q", shown)
		}
	},
	"ssh.trustedUserCAKeys": func(t *testing.T) {
		i := start(t, withKey)
		key := signer(t, filepath.Join(i.dir, "alice"))
		i.users.Users[0].AuthorizedKeys = nil
		cert := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"alice"}, ValidBefore: ssh.CertTimeInfinity}
		if err := cert.SignCert(randReader{}, key); err != nil {
			t.Fatal(err)
		}
		certified, err := ssh.NewCertSigner(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		i.config.SSH.TrustedUserCAKeys = []string{string(ssh.MarshalAuthorizedKey(key.PublicKey()))}
		i.reloadFiles()
		c, err := i.dial("alice", ssh.PublicKeys(certified))
		if err != nil {
			t.Fatalf("a certificate of an authority that is trusted now: %v", err)
		}
		i.config.SSH.TrustedUserCAKeys = nil
		i.reloadFiles()
		c.Wait() // its authority is none any more
		if c, err := i.dial("alice", ssh.PublicKeys(certified)); err == nil {
			c.Close()
			t.Error("the authority is trusted still")
		}
	},
	"ssh.algorithms.keyExchanges": algorithm(func(a *config.SSHAlgorithms) { a.KeyExchanges = []string{"ecdh-sha2-nistp384"} },
		func(a ssh.NegotiatedAlgorithms) string { return a.KeyExchange }, "ecdh-sha2-nistp384"),
	"ssh.algorithms.ciphers": algorithm(func(a *config.SSHAlgorithms) { a.Ciphers = []string{"aes192-ctr"} },
		func(a ssh.NegotiatedAlgorithms) string { return a.Read.Cipher }, "aes192-ctr"),
	"ssh.algorithms.macs": algorithm(func(a *config.SSHAlgorithms) {
		a.Ciphers, a.MACs = []string{"aes128-ctr"}, []string{"hmac-sha2-512"}
	}, func(a ssh.NegotiatedAlgorithms) string { return a.Read.MAC }, "hmac-sha2-512"),
	"ssh.algorithms.hostKeys": func(t *testing.T) {
		i := start(t)
		i.config.SSH.Algorithms.HostKeys = []string{"rsa-sha2-512"} // of which there is no key
		i.reloadFiles()
		if i.bySFTP() == nil {
			t.Error("the host key is of another kind, and in use")
		}
		if l := i.loaded().Listeners[2]; !strings.Contains(l.Error, "ssh.algorithms.hostKeys") {
			t.Errorf("in force is said to be %+v", l)
		}
		i.config.SSH.Algorithms.HostKeys = []string{"ssh-ed25519"}
		i.reloadFiles()
		if err := i.bySFTP(); err != nil {
			t.Error(err)
		}
	},
	"ssh.algorithms.publicKeys": func(t *testing.T) {
		i := start(t, withKey)
		key := ssh.PublicKeys(signer(t, filepath.Join(i.dir, "alice")))
		i.config.SSH.Algorithms.PublicKeys = []string{"rsa-sha2-512"}
		i.reloadFiles()
		if c, err := i.dial("alice", key); err == nil {
			c.Close()
			t.Error("a key of another kind is taken")
		}
	},
}
