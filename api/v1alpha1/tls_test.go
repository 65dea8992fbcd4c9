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
		"a cipher suite of another list": {
			`spec: {tls: {cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256]}}`,
			`spec.tls.cipherSuites[0]: Unsupported value: "ECDHE-RSA-AES128-GCM-SHA256": supported values: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"`,
		},
		"a cipher suite of TLS 1.3": {
			`spec: {tls: {cipherSuites: [TLS_AES_128_GCM_SHA256]}}`,
			`spec.tls.cipherSuites[0]: Unsupported value: "TLS_AES_128_GCM_SHA256"`,
		},
		"a cipher suite without forward secrecy": {
			`spec: {tls: {cipherSuites: [TLS_RSA_WITH_AES_128_GCM_SHA256]}}`,
			`tls.cipherSuites has an insecure one (TLS_RSA_..., 3DES or CBC_SHA256): remove it, or set minVersion to 1.0 or 1.1 if old devices need it`,
		},
		"a cipher suite with 3DES": {
			`spec: {tls: {minVersion: "1.2", cipherSuites: [TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA]}}`,
			`tls.cipherSuites has an insecure one`,
		},
		"cipher suites for a version that has none to choose": {
			`spec: {tls: {minVersion: "1.3", cipherSuites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]}}`,
			`the suites of TLS 1.3 cannot be chosen`,
		},
		"client certificates of nobody": {
			`spec: {tls: {clientCertificates: {mode: Required}}}`,
			`spec.tls.clientCertificates.authoritiesFrom: Required value`,
		},
		"client certificates, asked for in another way": {
			`spec: {tls: {clientCertificates: {mode: Always, authoritiesFrom: {name: partners}}}}`,
			`spec.tls.clientCertificates.mode: Unsupported value: "Always": supported values: "Required", "Optional"`,
		},
		"client certificates, and a way around them": {
			`spec: {protocols: {ftp: {tls: Optional}}, tls: {clientCertificates: {authoritiesFrom: {name: partners}}}}`,
			`tls.clientCertificates requires a certificate of clients, and protocols.ftp.tls lets them in without TLS: set ftp.tls to Required, or mode to Optional`,
		},
	})
}
