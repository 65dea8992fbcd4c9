package resources_test

import (
	"slices"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

func TestRequestedNamesAreThoseThatAPublicAuthorityCanCheck(t *testing.T) {
	for name, c := range map[string]struct {
		spec      string
		addresses []string
		want      []string
	}{
		"those of the spec alone, whatever else is known":     {`{tls: {dnsNames: [ftp.example.com]}, passive: {address: nat.example.com}}`, []string{"198.51.100.1", "lb.example.com"}, []string{"ftp.example.com"}},
		"an address, where the spec lists it":                 {`{tls: {dnsNames: [ftp.example.com, 198.51.100.1]}}`, nil, []string{"ftp.example.com", "198.51.100.1"}},
		"the host name that clients are told":                 {`{passive: {address: nat.example.com}}`, []string{"lb.example.com"}, []string{"nat.example.com"}},
		"host names of the balancer, and none of its address": {`{}`, []string{"198.51.100.1", "lb.example.com", "2001:db8::1"}, []string{"lb.example.com"}},
		"none for addresses":                                  {`{passive: {address: 203.0.113.9}}`, []string{"198.51.100.1"}, nil},
		"none for a name of one label":                        {`{}`, []string{"localhost"}, nil},
		"a name beyond ASCII as IDNA encodes it":              {`{tls: {dnsNames: [bücher.example, "*.bücher.example"]}}`, nil, []string{"xn--bcher-kva.example", "*.xn--bcher-kva.example"}},
		"small letters":                                       {`{tls: {dnsNames: [FTP.Example.com]}}`, nil, []string{"ftp.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t, c.spec)
			s.Exposure.Addresses = c.addresses
			got, err := s.RequestedNames()
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCertificateOfTheOwnAuthorityHasNamesBeyondASCII(t *testing.T) {
	s := server(t, `{tls: {dnsNames: [bücher.example]}}`)
	names, err := s.CertificateNames()
	if err != nil {
		t.Fatal(err)
	}
	_, cert := issued(t, names...)
	leaf, err := cert.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	if err := leaf.VerifyHostname("xn--bcher-kva.example"); err != nil {
		t.Error(err)
	}
}

func TestANameThatIDNACannotEncodeIsNamed(t *testing.T) {
	s := server(t, `{tls: {dnsNames: ["a\u200db.example"]}}`)
	for _, names := range []func() ([]string, error){s.RequestedNames, s.CertificateNames} {
		if got, err := names(); err == nil {
			t.Errorf("got %q", got)
		}
	}
}

func TestConditionsOfCertManagerAreRead(t *testing.T) {
	s := server(t, `{tls: {issuerRef: {name: letsencrypt}}}`)
	cert := s.Certificate([]string{"ftp.example.com"})
	if c := resources.ConditionOf(cert, "Ready"); c.True || c.Message != "" {
		t.Errorf("of a new one: %+v", c)
	}
	cert.SetGeneration(2)
	cert.Object["status"] = map[string]any{"conditions": []any{
		map[string]any{"type": "Issuing", "status": "True", "message": "It is."},
		map[string]any{"type": "Ready", "status": "True", "message": "Up to date.", "observedGeneration": int64(1)},
	}}
	if c := resources.ConditionOf(cert, "Ready"); !c.True || c.Message != "Up to date." || c.Current {
		t.Errorf("of an older generation: %+v", c)
	}
	if c := resources.ConditionOf(cert, "Issuing"); !c.True || !c.Current {
		t.Errorf("without a generation: %+v", c)
	}
}
