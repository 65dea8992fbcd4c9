package server

import (
	"crypto/tls"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

// protected is a session of alice with FTPS, whose client has certificates or none.
func (i *instance) protected(certs ...tls.Certificate) *control {
	i.t.Helper()
	conn, err := tls.Dial("tcp", i.addrs["990"], &tls.Config{InsecureSkipVerify: true, Certificates: certs})
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { conn.Close() })
	c := &control{i, conn, newReader(conn)}
	c.reply("220")
	c.command("USER alice", "331")
	c.command("PASS right", "230")
	return c
}

// hotTLS are the tests of what is hot about TLS.
var hotTLS = map[string]func(t *testing.T){
	"protocols.ftp.tls": func(t *testing.T) {
		i := start(t)
		plain := i.user("alice")
		i.config.Protocols.FTP.TLS = config.TLSRequired
		i.reloadFiles()
		plain.reply("421")
		i.control().command("USER alice", "530")
		if l := i.loaded().Listeners[0]; l.TLS != config.TLSRequired {
			t.Errorf("in force is said to be %+v", l)
		}
		i.config.Protocols.FTP.TLS = config.TLSDisabled
		i.reloadFiles()
		i.control().command("AUTH TLS", "502")
		i.config.Protocols.FTP.TLS = config.TLSOptional
		i.reloadFiles()
		i.user("alice")
		i.control().command("AUTH TLS", "234")
	},
	"tls.certFile": func(t *testing.T) { otherCertificate(t) },
	"tls.keyFile":  func(t *testing.T) { otherCertificate(t) },
	"tls.clientAuth": func(t *testing.T) {
		partners, strangers := fixture.NewCertificate("partners"), fixture.NewCertificate("strangers")
		i := start(t, func(i *instance) { i.config.TLS.ClientCAs = []string{string(partners.CertPEM)} })
		for auth, want := range map[config.ClientAuth][3]bool{
			"": {true, true, true}, config.ClientAuthOptional: {true, true, false}, config.ClientAuthRequired: {false, true, false},
		} {
			i.config.TLS.ClientAuth = auth
			i.reloadFiles()
			none, ours, theirs := i.handshakes(nil), i.handshakes(partners.Sign("alice")), i.handshakes(strangers.Sign("eve"))
			if got := [3]bool{none() == nil, ours() == nil, theirs() == nil}; got != want {
				t.Errorf("with %q, clients without, with our and with another certificate are admitted: %v, want %v", auth, got, want)
			}
		}
		i.config.TLS.ClientAuth = config.ClientAuthOptional
		i.reloadFiles()
		without, with := i.protected(), i.protected(partners.Sign("alice").TLS)
		i.config.TLS.ClientAuth = config.ClientAuthRequired
		i.reloadFiles()
		without.reply("421")
		with.command("NOOP", "200")
	},
	"tls.clientCAs": func(t *testing.T) {
		before, after := fixture.NewCertificate("before"), fixture.NewCertificate("after")
		i := start(t, func(i *instance) {
			i.config.TLS.ClientAuth, i.config.TLS.ClientCAs = config.ClientAuthRequired, []string{string(before.CertPEM)}
		})
		old, young := i.handshakes(before.Sign("alice")), i.handshakes(after.Sign("alice"))
		if err := old(); err != nil {
			t.Error(err)
		}
		i.config.TLS.ClientCAs = []string{string(after.CertPEM)}
		i.reloadFiles()
		if old() == nil { // with the ticket that it has got
			t.Error("the authority of before counts still")
		}
		if err := young(); err != nil {
			t.Error(err)
		}
	},
	"tls.cipherSuites": func(t *testing.T) {
		i := start(t)
		for _, name := range []string{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"} {
			i.config.TLS.CipherSuites = []string{name}
			i.reloadFiles()
			conn, err := tls.Dial("tcp", i.addrs["990"], &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
			if err != nil {
				t.Fatal(err)
			}
			if got := tls.CipherSuiteName(conn.ConnectionState().CipherSuite); got != name {
				t.Errorf("got %s, want %s", got, name)
			}
			conn.Close()
		}
	},
	"tls.minVersion": func(t *testing.T) {
		i := start(t)
		dial := func(version uint16) (*tls.Conn, error) {
			return tls.Dial("tcp", i.addrs["990"], &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
		}
		old, err := dial(tls.VersionTLS12)
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close()
		c := &control{i, old, newReader(old)}
		c.reply("220")
		c.command("USER alice", "331")
		c.command("PASS right", "230")
		i.config.TLS.MinVersion = "1.3"
		i.reloadFiles()
		c.reply("421")
		if conn, err := dial(tls.VersionTLS12); err == nil {
			conn.Close()
			t.Error("a new session has TLS 1.2")
		}
		conn, err := dial(tls.VersionTLS13)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	},
}
