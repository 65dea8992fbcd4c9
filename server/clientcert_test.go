package server

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

// handshakes is a client of FTPS that connects again and again, and resumes its TLS
// session if it can. Its error is that of the greeting, since with TLS 1.3 a client
// has finished before the server looks at its certificate.
func (i *instance) handshakes(cert *fixture.Certificate) func() error {
	conf := &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	if cert != nil {
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert.TLS, nil }
	}
	return func() error {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: deadline}, "tcp", i.addrs["990"], conf)
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetReadDeadline(time.Now().Add(deadline))
		line, err := newReader(conn).ReadString('\n')
		if err == nil && !strings.HasPrefix(line, "220") {
			err = errors.New(line)
		}
		return err
	}
}

// Whoever needs a certificate needs it on data connections too, and a password still.
func TestAClientWithARequiredCertificateLogsInAndTransfers(t *testing.T) {
	t.Parallel()
	authority := fixture.NewCertificate("partners")
	i := start(t, func(i *instance) {
		i.config.TLS.ClientAuth, i.config.TLS.ClientCAs = config.ClientAuthRequired, []string{string(authority.CertPEM)}
		i.config.Protocols.FTP.TLS = config.TLSRequired
	})
	for _, resume := range []bool{true, false} {
		conf := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{authority.Sign("alice").TLS}}
		if resume {
			conf.ClientSessionCache = tls.NewLRUClientSessionCache(8)
		}
		for port, opt := range map[string]ftp.DialOption{"21": ftp.DialWithExplicitTLS(conf), "990": ftp.DialWithTLS(conf)} {
			c, err := i.ftp(port, opt)
			if err != nil {
				t.Fatal(err)
			}
			if c.Login("alice", "wrong") == nil {
				t.Errorf("port %s: a certificate is taken for a password", port)
			}
			if err := c.Login("alice", "right"); err != nil {
				t.Fatal(err)
			}
			if err := c.Stor("f", strings.NewReader(port)); err != nil {
				t.Errorf("port %s, resuming %t: %v", port, resume, err)
			}
			if got := i.content("f"); got != port {
				t.Errorf("stored is %q", got)
			}
		}
	}
	c, err := i.ftp("21", ftp.DialWithExplicitTLS(insecure))
	if err == nil && c.Login("alice", "right") == nil {
		t.Error("a client without a certificate logs in")
	}
}

// What is wrong in the list of authorities costs that entry, and lets nobody in.
func TestWhoeverRequiresCertificatesAndNamesNoAuthorityLetsNobodyIn(t *testing.T) {
	t.Parallel()
	authority := fixture.NewCertificate("partners")
	client := authority.Sign("alice")
	i := start(t, func(i *instance) {
		i.config.TLS.ClientAuth = config.ClientAuthRequired
		i.config.TLS.ClientCAs = []string{string(client.CertPEM), "SECRET"}
	})
	if i.handshakes(nil)() == nil || i.handshakes(client)() == nil {
		t.Error("somebody is let in")
	}
	l := i.loaded()
	if len(l.LeftOut) != 2 || l.LeftOut[0].Field != "tls.clientCAs[0]" || l.LeftOut[1].Field != "tls.clientCAs[1]" {
		t.Errorf("left out is %+v", l.LeftOut)
	}
	if !strings.Contains(l.Listeners[1].Error, "no authority") || l.Listeners[0].Error != "" {
		t.Errorf("in force are said to be %+v", l.Listeners)
	}
	i.user("alice") // with FTP, whose TLS is optional here
	i.config.TLS.ClientCAs = append(i.config.TLS.ClientCAs, string(authority.CertPEM))
	i.reloadFiles()
	if err := i.handshakes(client)(); err != nil {
		t.Errorf("with an authority beside what is none: %v", err)
	}
}
