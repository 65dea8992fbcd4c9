package v1alpha1_test

import "testing"

func TestTLSRefused(t *testing.T) {
	refused(t, map[string]refusal{
	"two sources of the certificate": {
		`spec: {tls: {secretRef: {name: a}, issuerRef: {name: b}}}`,
		`tls has both secretRef and issuerRef: keep the one that shall provide the certificate`,
	},
	"names for a certificate that is not issued": {
		`spec: {tls: {secretRef: {name: a}, dnsNames: [ftp.example.com]}}`,
		`with secretRef the certificate is yours: remove one of them`,
	},
	"a version of TLS that is none": {
		`spec: {tls: {minVersion: "1.4"}}`,
		`spec.tls.minVersion: Unsupported value: "1.4": supported values: "1.0", "1.1", "1.2", "1.3"`,
	},
	"a version of TLS without quotes": {
		`spec: {tls: {minVersion: 1.2}}`,
		`spec.tls.minVersion in body must be of type string`,
	},
	})
}
