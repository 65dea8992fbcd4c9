package check

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestCipherSuites(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, minVersion, want string }{
		{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "", ""},
		{"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "1.2", ""},
		{"TLS_RSA_WITH_AES_128_CBC_SHA", "1.0", ""},
		{"TLS_RSA_WITH_3DES_EDE_CBC_SHA", "1.1", ""},
		{"TLS_RSA_WITH_AES_128_CBC_SHA", "", "is insecure, and can be chosen only with tls.minVersion 1.0 or 1.1"},
		{"TLS_RSA_WITH_AES_128_CBC_SHA", "1.3", "is insecure"},
		{"TLS_RSA_WITH_RC4_128_SHA", "1.0", "broken (RFC 7465)"},
		{"TLS_AES_128_GCM_SHA256", "", "a suite of TLS 1.3, of which none can be chosen"},
		{"ECDHE-RSA-AES128-GCM-SHA256", "", "no cipher suite of that name is known; there are TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "},
		{strings.Repeat("A", 1000), "", "..."},
	} {
		_, err := CipherSuite(tc.name, tc.minVersion)
		if tc.want == "..." {
			if err == nil || strings.Count(err.Error(), "A") > 300 {
				t.Errorf("a long name: %v", err)
			}
			continue
		}
		wants(t, tc.name+" with "+tc.minVersion, err, tc.want)
	}
	ids, leftOut := CipherSuites(&config.TLS{CipherSuites: []string{"x", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}})
	if len(ids) != 1 || len(leftOut) != 1 || leftOut[0].Field != "tls.cipherSuites[0]" {
		t.Errorf("got %v, left out is %+v", ids, leftOut)
	}
}

func TestSuitesFit(t *testing.T) {
	t.Parallel()
	ecdsa, rsa, old := tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA
	for _, tc := range []struct {
		key  x509.PublicKeyAlgorithm
		ids  []uint16
		want bool
	}{
		{x509.ECDSA, nil, true},
		{x509.ECDSA, []uint16{rsa, ecdsa}, true},
		{x509.ECDSA, []uint16{rsa, old}, false},
		{x509.Ed25519, []uint16{ecdsa}, true},
		{x509.RSA, []uint16{ecdsa}, false},
		{x509.RSA, []uint16{old}, true},
		{x509.RSA, []uint16{rsa}, true},
	} {
		if got := SuitesFit(tc.key, tc.ids); got != tc.want {
			t.Errorf("%v with %v: %t", tc.key, tc.ids, got)
		}
	}
}

// selfSigned is a certificate in PEM format, made from a template.
func selfSigned(t *testing.T, template *x509.Certificate) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.Subject.CommonName = "partners"
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestClientCAs(t *testing.T) {
	t.Parallel()
	authority := selfSigned(t, &x509.Certificate{BasicConstraintsValid: true, IsCA: true})
	for text, want := range map[string]string{
		authority: "",
		selfSigned(t, &x509.Certificate{BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign}):         "",
		selfSigned(t, &x509.Certificate{BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageDigitalSignature}): "no authority",
		selfSigned(t, &x509.Certificate{BasicConstraintsValid: true}):                                                      `is the certificate of "CN=partners", which may not sign others`,
		selfSigned(t, &x509.Certificate{}): "no authority",
		"":                                 "not one certificate",
		"nonsense":                         "not one certificate",
		authority + authority:              "not one certificate",
		strings.ReplaceAll(authority, "CERTIFICATE", "PRIVATE KEY"):      "not one certificate",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "cannot be read as a certificate",
	} {
		_, err := ParseClientCA(text)
		wants(t, text, err, want)
	}
}

// Of a Secret that has a key beside the certificate, the key goes nowhere.
func TestCertificatesAreTakenFromAFileAndNothingElse(t *testing.T) {
	t.Parallel()
	a, b := selfSigned(t, &x509.Certificate{}), selfSigned(t, &x509.Certificate{})
	key := strings.ReplaceAll(a, "CERTIFICATE", "PRIVATE KEY")
	got, err := SplitCertificates([]byte("# ours\n" + a + key + "and theirs\n" + b + "the end"))
	if err != nil || !slices.Equal(got, []string{a, b}) {
		t.Errorf("got %q, %v", got, err)
	}
	for file, want := range map[string]string{"": "no certificate in PEM format", key: "no certificate in PEM format", strings.Repeat(a, MaxClientCAs/len(a)+1): "at most 65536 fit"} {
		_, err := SplitCertificates([]byte(file))
		wants(t, "a file", err, want)
	}
}
