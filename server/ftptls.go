package server

import (
	"crypto/tls"
	"errors"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

var ftpTLSPolicies = map[config.TLSPolicy]ftp.TLSPolicy{
	config.TLSRequired: ftp.TLSRequired,
	config.TLSOptional: ftp.TLSOptional,
	config.TLSDisabled: ftp.TLSDisabled,
}

// tlsConfig is what counts for the next handshake, of a control or a data connection.
func (s *ftpService) tlsConfig(*ftp.Conn, *tls.ClientHelloInfo) (*tls.Config, error) {
	f := s.current()
	if f.cert == nil {
		return nil, errors.New("there is no certificate that can be used")
	}
	c := &tls.Config{Certificates: []tls.Certificate{*f.cert}, CipherSuites: f.suites}
	setMinVersion(c, f.config.TLS)
	if f.clientCAs != nil {
		c.ClientCAs, c.ClientAuth = f.clientCAs, tls.VerifyClientCertIfGiven
		if f.config.TLS.ClientAuth == config.ClientAuthRequired {
			c.ClientAuth = tls.RequireAndVerifyClientCert
		}
	}
	return c, nil
}

var tlsVersions = map[string]uint16{
	"": tls.VersionTLS12, "1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13,
}

// setMinVersion sets the oldest version that is served. With one below 1.2, the
// suites that go with it are offered too, unless others are chosen: devices that
// need the one need the other. RC4 is not: no device of this century has nothing else.
func setMinVersion(c *tls.Config, conf *config.TLS) {
	c.MinVersion = tls.VersionTLS12
	if conf == nil {
		return
	}
	c.MinVersion = tlsVersions[conf.MinVersion]
	if c.MinVersion >= tls.VersionTLS12 || len(c.CipherSuites) > 0 {
		return
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if !strings.Contains(suite.Name, "_RC4_") {
			c.CipherSuites = append(c.CipherSuites, suite.ID)
		}
	}
}
