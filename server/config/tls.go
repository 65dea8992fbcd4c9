package config

// TLS has the files of the certificate. They are watched.
type TLS struct {
	CertFile string `json:"certFile" change:"hot"`
	KeyFile  string `json:"keyFile" change:"hot"`
	// ClientAuth says whether clients are asked for a certificate; default: they
	// are not.
	ClientAuth ClientAuth `json:"clientAuth,omitempty" change:"hot"`
	// ClientCAs are the authorities whose client certificates are accepted: each
	// is a certificate in PEM format.
	ClientCAs []string `json:"clientCAs,omitempty" change:"hot"`
	// MinVersion is the oldest version that is served: "1.0", "1.1", "1.2" or
	// "1.3"; default "1.2". With one below 1.2, the cipher suites that those
	// versions need are offered too.
	MinVersion string `json:"minVersion,omitempty" change:"hot"`
	// CipherSuites are those that are offered with versions up to 1.2, by the
	// names that IANA has for them; their order does not matter. Empty: Go's
	// own, or with a MinVersion below 1.2 those that go with it. The suites of
	// 1.3 cannot be chosen.
	CipherSuites []string `json:"cipherSuites,omitempty" change:"hot"`
}

// ClientAuth says whether clients are asked for a certificate.
type ClientAuth string

const (
	// ClientAuthOptional admits clients without a certificate, and refuses one that
	// no authority in ClientCAs has signed.
	ClientAuthOptional ClientAuth = "Optional"
	// ClientAuthRequired refuses a TLS handshake without a certificate that such an
	// authority has signed. Without authorities it refuses all.
	ClientAuthRequired ClientAuth = "Required"
)
