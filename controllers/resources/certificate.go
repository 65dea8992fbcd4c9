package resources

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

const (
	caLife          = 10 * 365 * 24 * time.Hour
	certificateLife = 365 * 24 * time.Hour
	clockSkew       = time.Hour
)

// KeyPair is a certificate and its key, both in PEM.
type KeyPair struct{ Certificate, Key []byte }

// KeyPairFrom reads the entries of a kubernetes.io/tls Secret.
func KeyPairFrom(entries map[string][]byte) KeyPair {
	return KeyPair{Certificate: entries[config.TLSCertFile], Key: entries[config.TLSKeyFile]}
}

// Leaf is the certificate, checked to belong to the key. Errors say nothing of
// the content.
func (p KeyPair) Leaf() (*x509.Certificate, error) {
	if len(p.Certificate) == 0 || len(p.Key) == 0 {
		return nil, fmt.Errorf("it lacks %s or %s", config.TLSCertFile, config.TLSKeyFile)
	}
	pair, err := tls.X509KeyPair(p.Certificate, p.Key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s are not a certificate and its key in PEM", config.TLSCertFile, config.TLSKeyFile)
	}
	return pair.Leaf, nil
}

// Fingerprint of a certificate, as the server reports it.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// RenewAt is when a certificate is replaced: at two thirds of its life.
func RenewAt(c *x509.Certificate) time.Time {
	return c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) / 3 * 2)
}

// CANeedsIssue says whether a certificate authority must be made.
func CANeedsIssue(ca KeyPair, now time.Time) bool {
	c, err := ca.Leaf()
	return err != nil || !c.IsCA || !now.Before(RenewAt(c))
}

// CertificateNeedsIssue says whether a certificate must be issued: there is
// none, it is not of this authority, it is old, it lacks a name, or it has a
// host name too many. An IP address too many is no reason: a server on node
// ports has no address while its only pod is being replaced.
func CertificateNeedsIssue(cert, ca KeyPair, names []string, now time.Time) bool {
	c, err := cert.Leaf()
	if err != nil || !now.Before(RenewAt(c)) {
		return true
	}
	authority, err := ca.Leaf()
	if err != nil || c.CheckSignatureFrom(authority) != nil {
		return true
	}
	dns, ips := splitNames(names)
	return !slices.Equal(c.DNSNames, dns) || slices.ContainsFunc(ips, func(ip net.IP) bool {
		return !slices.ContainsFunc(c.IPAddresses, ip.Equal)
	})
}

// IssueCA makes a certificate authority for one server.
func IssueCA(namespace, server string, now time.Time) (KeyPair, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: clip(namespace + "/" + server), Organization: []string{provider}},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	return issue(template, nil, nil)
}

// IssueCertificate makes a certificate with the names.
func IssueCertificate(ca KeyPair, names []string, now time.Time) (KeyPair, error) {
	pair, err := tls.X509KeyPair(ca.Certificate, ca.Key)
	if err != nil {
		return KeyPair{}, errors.New("the certificate authority cannot be read")
	}
	dns, ips := splitNames(names)
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: clip(names[0])},
		DNSNames:    dns,
		IPAddresses: ips,
		NotBefore:   now.Add(-clockSkew),
		NotAfter:    now.Add(certificateLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	return issue(template, pair.Leaf, pair.PrivateKey)
}

func issue(template, parent *x509.Certificate, signer any) (KeyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return KeyPair{}, fmt.Errorf("making a key: %w", err)
	}
	if parent == nil {
		parent, signer = template, key
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return KeyPair{}, fmt.Errorf("making a serial number: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return KeyPair{}, fmt.Errorf("signing a certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return KeyPair{}, fmt.Errorf("encoding a key: %w", err)
	}
	return KeyPair{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}, nil
}

// clip shortens a common name to what X.509 allows (RFC 5280, appendix A.1).
func clip(name string) string { return name[:min(len(name), 64)] }

// CASecret holds the certificate authority.
func (s Server) CASecret(ca KeyPair) *corev1ac.SecretApplyConfiguration {
	return s.tlsSecret(CAName(s.Name), ca, nil)
}

// CertificateSecret holds the certificate.
func (s Server) CertificateSecret(cert KeyPair, ca []byte) *corev1ac.SecretApplyConfiguration {
	return s.tlsSecret(TLSName(s.Name), cert, ca)
}

func (s Server) tlsSecret(name string, pair KeyPair, ca []byte) *corev1ac.SecretApplyConfiguration {
	data := map[string][]byte{config.TLSCertFile: pair.Certificate, config.TLSKeyFile: pair.Key}
	if len(ca) > 0 {
		data[config.TLSCAFile] = ca
	}
	return corev1ac.Secret(name, s.Namespace).
		WithLabels(s.Labels()).
		WithOwnerReferences(s.Owner()).
		WithType(corev1.SecretTypeTLS).
		WithData(data)
}
