// Package pki makes the certificates of a cluster and the kubeconfigs that hold them.
package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

const validity = 365 * 24 * time.Hour

// Dir holds a cluster's keys and certificates, as NAME.key and NAME.crt.
type Dir string

// Cert is the file of a certificate.
func (d Dir) Cert(name string) string { return filepath.Join(string(d), name+".crt") }

// Key is the file of a certificate's private key.
func (d Dir) Key(name string) string { return filepath.Join(string(d), name+".key") }

// Names of the certificates that more than one place asks for.
const (
	CA              = "ca"
	APIServer       = "apiserver"
	ServiceAccounts = "service-accounts" // a key only: it signs tokens
	Admin           = "admin"
)

// A Subject is who a certificate is for. For a client of the API server, the common name is the user and
// the organizations are the groups.
type Subject struct {
	Name          string
	CommonName    string
	Organizations []string
	DNSNames      []string
	Addresses     []netip.Addr
}

// EnsureCA makes the cluster's authority and the key for service accounts unless they exist.
func (d Dir) EnsureCA() error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(d.Cert(CA)); errors.Is(err, fs.ErrNotExist) {
		template := &x509.Certificate{
			Subject:               pkix.Name{CommonName: "fileserver-cluster"},
			IsCA:                  true,
			BasicConstraintsValid: true,
			KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		}
		if err := d.sign(CA, template, nil, nil); err != nil {
			return err
		}
	}
	if _, err := os.Stat(d.Key(ServiceAccounts)); errors.Is(err, fs.ErrNotExist) {
		_, err := d.newKey(ServiceAccounts)
		return err
	}
	return nil
}

// Ensure makes a certificate, for use as server and as client, unless one for this subject exists.
func (d Dir) Ensure(s Subject) error {
	if d.current(s) {
		return nil
	}
	ca, key, err := d.loadCA()
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: s.CommonName, Organization: s.Organizations},
		DNSNames:    s.DNSNames,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, a := range s.Addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(a.AsSlice()))
	}
	return d.sign(s.Name, template, ca, key)
}

// current tells whether a certificate exists that covers the subject for another day.
func (d Dir) current(s Subject) bool {
	cert, err := d.load(s.Name)
	if err != nil || time.Until(cert.NotAfter) < 24*time.Hour || cert.Subject.CommonName != s.CommonName {
		return false
	}
	for _, a := range s.Addresses {
		if cert.VerifyHostname(a.String()) != nil {
			return false
		}
	}
	for _, n := range s.DNSNames {
		if cert.VerifyHostname(n) != nil {
			return false
		}
	}
	return true
}

func (d Dir) newKey(name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(d.Key(name), "EC PRIVATE KEY", der)
}

// sign writes a new key and a certificate for it; without a CA it signs itself.
func (d Dir) sign(name string, template, ca *x509.Certificate, caKey *ecdsa.PrivateKey) error {
	key, err := d.newKey(name)
	if err != nil {
		return err
	}
	if ca == nil {
		ca, caKey = template, key
	}
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	// A clock that is set back a little must not make it invalid.
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(validity)
	der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, caKey)
	if err != nil {
		return fmt.Errorf("signing the certificate %s: %w", name, err)
	}
	return writePEM(d.Cert(name), "CERTIFICATE", der)
}

func (d Dir) load(name string) (*x509.Certificate, error) {
	block, err := readPEM(d.Cert(name))
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(block.Bytes)
}

func (d Dir) loadCA() (*x509.Certificate, *ecdsa.PrivateKey, error) {
	cert, err := d.load(CA)
	if err != nil {
		return nil, nil, err
	}
	block, err := readPEM(d.Key(CA))
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	return cert, key, err
}

func readPEM(path string) (*pem.Block, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s is not a PEM file", path)
	}
	return block, nil
}

func writePEM(path, kind string, der []byte) error {
	var out bytes.Buffer
	if err := pem.Encode(&out, &pem.Block{Type: kind, Bytes: der}); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o600)
}
