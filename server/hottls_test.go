package server

import (
	"crypto/tls"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

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
	"tls.clientCAFile": func(t *testing.T) {
		i := start(t)
		asked := func() (asked bool) {
			conf := &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return &tls.Certificate{}, nil
			}}
			conn, err := tls.Dial("tcp", i.addrs["990"], conf)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			return asked
		}
		if asked() {
			t.Error("a certificate is asked for")
		}
		i.config.TLS.ClientCAFile = i.config.TLS.CertFile
		i.reloadFiles()
		if !asked() {
			t.Error("no certificate is asked for")
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
