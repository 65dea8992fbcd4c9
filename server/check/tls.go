package check

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// MaxClientCAs is how many bytes the authorities of client certificates may have
// together, in PEM format. A server sends their names in each TLS handshake, and TLS
// has room for 64 KiB of them (RFC 8446 section 4.2.4).
const MaxClientCAs = 64 << 10

// CipherSuite returns the number of a cipher suite that can be chosen for TLS up to
// version 1.2. An insecure one can be chosen with an oldest version below 1.2 alone:
// those who want it say twice that they mean it.
func CipherSuite(name, minVersion string) (uint16, error) {
	old := minVersion == "1.0" || minVersion == "1.1"
	for _, s := range tls.CipherSuites() {
		switch {
		case s.Name != name:
		case !slices.Contains(s.SupportedVersions, tls.VersionTLS12):
			return 0, fmt.Errorf("is %.80q, a suite of TLS 1.3, of which none can be chosen: they are always offered", name)
		default:
			return s.ID, nil
		}
	}
	for _, s := range tls.InsecureCipherSuites() {
		switch {
		case s.Name != name:
		case strings.Contains(name, "_RC4_"):
			return 0, fmt.Errorf("is %.80q, which is broken (RFC 7465), and never offered", name)
		case !old:
			return 0, fmt.Errorf("is %.80q, which is insecure, and can be chosen only with tls.minVersion 1.0 or 1.1", name)
		default:
			return s.ID, nil
		}
	}
	return 0, fmt.Errorf("is %.80q, and no cipher suite of that name is known; there are %s", name, strings.Join(suites(old), ", "))
}

// suites are the names of those that can be chosen.
func suites(old bool) (names []string) {
	for _, s := range tls.CipherSuites() {
		if slices.Contains(s.SupportedVersions, tls.VersionTLS12) {
			names = append(names, s.Name)
		}
	}
	if old {
		for _, s := range tls.InsecureCipherSuites() {
			if !strings.Contains(s.Name, "_RC4_") {
				names = append(names, s.Name)
			}
		}
	}
	return names
}

// CipherSuites returns those that can be used, and what was left out. None are the
// default ones.
func CipherSuites(c *config.TLS) (ids []uint16, leftOut []config.LeftOut) {
	for i, name := range c.CipherSuites {
		id, err := CipherSuite(name, c.MinVersion)
		if err != nil {
			leftOut = append(leftOut, config.LeftOut{Field: fmt.Sprintf("tls.cipherSuites[%d]", i), Reason: err.Error()})
			continue
		}
		ids = append(ids, id)
	}
	return ids, leftOut
}

// SuitesFit says whether a certificate with such a key can be used with one of the
// suites; none are the default ones, with which all can.
func SuitesFit(key x509.PublicKeyAlgorithm, ids []uint16) bool {
	kind := "_RSA_"
	if key != x509.RSA {
		kind = "_ECDSA_" // of Ed25519 too (RFC 8422 section 2.2)
	}
	return len(ids) == 0 || slices.ContainsFunc(ids, func(id uint16) bool { return strings.Contains(tls.CipherSuiteName(id), kind) })
}

const pemCertificate = "CERTIFICATE"

// ParseClientCA parses the certificate of an authority that signs certificates of
// clients.
func ParseClientCA(text string) (*x509.Certificate, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != pemCertificate || strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("is not one certificate in PEM format")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errors.New("cannot be read as a certificate")
	}
	// As crypto/x509 asks of those that sign others (RFC 5280 section 4.2.1.9); those
	// of version 1 cannot say what they are.
	if cert.Version >= 3 && !cert.IsCA || cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0 {
		return nil, fmt.Errorf("is the certificate of %.80q, which may not sign others, and no authority", cert.Subject.String())
	}
	return cert, nil
}

// ClientCAs returns the authorities that are some, and what was left out.
func ClientCAs(texts []string) (authorities []*x509.Certificate, leftOut []config.LeftOut) {
	for i, text := range texts {
		cert, err := ParseClientCA(text)
		if err != nil {
			leftOut = append(leftOut, config.LeftOut{Field: fmt.Sprintf("tls.clientCAs[%d]", i), Reason: err.Error()})
			continue
		}
		authorities = append(authorities, cert)
	}
	return authorities, leftOut
}

// SplitCertificates returns the certificates in a file in PEM format, one by one, and
// nothing else of it: neither comments nor keys.
func SplitCertificates(file []byte) ([]string, error) {
	var certs []string
	size := 0
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != pemCertificate {
			continue
		}
		certs = append(certs, string(pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: block.Bytes})))
		size += len(certs[len(certs)-1])
	}
	switch {
	case len(certs) == 0:
		return nil, errors.New("has no certificate in PEM format")
	case size > MaxClientCAs:
		return nil, fmt.Errorf("has certificates of %d bytes, and at most %d fit a TLS handshake", size, MaxClientCAs)
	}
	return certs, nil
}
