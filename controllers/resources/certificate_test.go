package resources_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

var now = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func issued(t *testing.T, names ...string) (ca, cert resources.KeyPair) {
	t.Helper()
	ca, err := resources.IssueCA("partners", "files", now)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = resources.IssueCertificate(ca, names, now); err != nil {
		t.Fatal(err)
	}
	return ca, cert
}

func TestCertificateIsTrustedForEachName(t *testing.T) {
	ca, cert := issued(t, "files.partners.svc", "198.51.100.1", "2001:db8::1")
	authority, err := ca.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := cert.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	for _, name := range []string{"files.partners.svc", "198.51.100.1", "2001:db8::1"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now.Add(time.Hour)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCertificateNeedsIssue(t *testing.T) {
	names := []string{"a.example", "198.51.100.1"}
	ca, cert := issued(t, names...)
	other, _ := issued(t, names...)
	for name, c := range map[string]struct {
		cert, ca resources.KeyPair
		names    []string
		at       time.Time
		want     bool
	}{
		"a fresh one does not":                  {cert, ca, names, now, false},
		"names in another order are the same":   {cert, ca, []string{"198.51.100.1", "a.example"}, now, false},
		"none yet does":                         {resources.KeyPair{}, ca, names, now, true},
		"one of another authority does":         {cert, other, names, now, true},
		"one with another name does":            {cert, ca, append(names, "b.example"), now, true},
		"one with another address does":         {cert, ca, []string{"a.example", "198.51.100.2"}, now, true},
		"one with a host name too many does":    {cert, ca, []string{"198.51.100.1"}, now, true},
		"one with an address too many does not": {cert, ca, []string{"a.example"}, now, false},
		"at half its life it does not":          {cert, ca, names, now.Add(182 * 24 * time.Hour), false},
		"after two thirds of its life it does":  {cert, ca, names, now.Add(244 * 24 * time.Hour), true},
	} {
		if got := resources.CertificateNeedsIssue(c.cert, c.ca, c.names, c.at); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if resources.CANeedsIssue(ca, now) || !resources.CANeedsIssue(resources.KeyPair{}, now) || !resources.CANeedsIssue(cert, now) {
		t.Error("an authority is made exactly if there is none")
	}
}

func TestLeafErrorsTellNothingOfTheContent(t *testing.T) {
	_, err := resources.KeyPair{Certificate: []byte("secret"), Key: []byte("secret")}.Leaf()
	if err == nil || err.Error() != "tls.crt and tls.key are not a certificate and its key in PEM" {
		t.Errorf("got: %v", err)
	}
}
