package v1alpha1

// TLS is the certificate of FTP and FTPS: from a Secret, from cert-manager, or
// by default from a certificate authority of this FileServer's own. It also
// says which versions are served.
//
// +kubebuilder:validation:XValidation:rule="!has(self.secretRef) || !has(self.issuerRef)",message="tls has both secretRef and issuerRef: keep the one that shall provide the certificate"
// +kubebuilder:validation:XValidation:rule="!has(self.secretRef) || !has(self.dnsNames)",message="tls.dnsNames are for certificates that are issued; with secretRef the certificate is yours: remove one of them"
// +kubebuilder:validation:XValidation:rule="!has(self.cipherSuites) || !has(self.minVersion) || self.minVersion != '1.3'",message="tls.cipherSuites are for versions up to 1.2, and minVersion 1.3 serves none of these: remove one of them; the suites of TLS 1.3 cannot be chosen"
// +kubebuilder:validation:XValidation:rule="!has(self.cipherSuites) || has(self.minVersion) && self.minVersion in ['1.0', '1.1'] || self.cipherSuites.all(s, s.startsWith('TLS_ECDHE_') && !s.contains('_3DES_') && !s.endsWith('_CBC_SHA256'))",message="tls.cipherSuites has an insecure one (TLS_RSA_..., 3DES or CBC_SHA256): remove it, or set minVersion to 1.0 or 1.1 if old devices need it"
type TLS struct {
	// secretRef names a Secret of type kubernetes.io/tls with tls.crt and
	// tls.key. When its content changes, new connections get the new one.
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`

	// issuerRef names an issuer of cert-manager, which then issues and renews
	// the certificate, for dnsNames. Without dnsNames it is asked for
	// passive.address, if that is a host name, else for the host names of the
	// load balancer; if there are none either, a condition says so. A change
	// takes effect, without a cut, once the new certificate is there.
	// +optional
	IssuerRef *IssuerReference `json:"issuerRef,omitempty"`

	// dnsNames are names in the certificate. With issuerRef they are the only
	// ones, since a public authority refuses an order that has a name inside
	// of the cluster. Without it, names of the Service and the address at which
	// it is reached come on top. Names may begin with "*.", and letters beyond
	// ASCII are written as IDNA encodes them. An IP address is asked for as
	// such; few public authorities issue for one. Example: ftp.example.com.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:XValidation:rule="isIP(self) || self.matches(r'^([*][.])?[\\p{L}\\p{N}]([-\\p{L}\\p{M}\\p{N}]{0,61}[\\p{L}\\p{M}\\p{N}])?([.][\\p{L}\\p{N}]([-\\p{L}\\p{M}\\p{N}]{0,61}[\\p{L}\\p{M}\\p{N}])?)*$')",message="tls.dnsNames has something that is no name: write host names, without port or scheme, such as ftp.example.com"
	DNSNames []string `json:"dnsNames,omitempty"`

	// minVersion is the oldest version of TLS that FTP and FTPS serve: "1.0",
	// "1.1", "1.2" or "1.3", in quotes; default "1.2". 1.0 and 1.1 are weak
	// (RFC 8996 forbids them): they rest on SHA-1, and the cipher suites that
	// are then offered too have known attacks. Use them only for devices that
	// know nothing newer, in a network that you trust. "1.3" shuts out clients
	// that are older than it. A change counts for new connections at once.
	// +optional
	MinVersion TLSVersion `json:"minVersion,omitempty"`

	// cipherSuites are those that are offered with TLS up to 1.2, by the names
	// that IANA has for them; their order does not matter. Left out, they are the
	// secure ones, and with minVersion "1.0" or "1.1" all but those with RC4. Those
	// of TLS 1.3 cannot be chosen: all three are secure, and always offered.
	// Those that begin with TLS_RSA_ or have 3DES or CBC_SHA256 in their names are
	// insecure, and want minVersion "1.0" or "1.1". A certificate with an ECDSA
	// key, as the FileServer's own authority issues, needs one with ECDSA in its
	// name, and one with an RSA key one with RSA. A change counts for new
	// connections at once.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:Enum="TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA";"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA";"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA";"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA";"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256";"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256";"TLS_RSA_WITH_AES_128_GCM_SHA256";"TLS_RSA_WITH_AES_256_GCM_SHA384";"TLS_RSA_WITH_AES_128_CBC_SHA256";"TLS_RSA_WITH_AES_128_CBC_SHA";"TLS_RSA_WITH_AES_256_CBC_SHA";"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA";"TLS_RSA_WITH_3DES_EDE_CBC_SHA"
	CipherSuites []string `json:"cipherSuites,omitempty"`

	// clientCertificates has FTP and FTPS ask clients for a certificate. Left
	// out, none is asked for.
	// +optional
	ClientCertificates *ClientCertificates `json:"clientCertificates,omitempty"`
}

// ClientCertificates says which clients get past the TLS handshake. A certificate
// logs nobody in: users still need their passwords.
type ClientCertificates struct {
	// mode is Required or Optional. Required, the default, refuses every TLS
	// handshake, of control and data connections, without a certificate that one of
	// the authorities has signed for clients (extended key usage clientAuth, or
	// none). Optional admits clients without a certificate, and refuses those
	// with one that no authority has signed. A change counts for new connections
	// at once. When it becomes Required, sessions with TLS whose client has shown
	// none are ended (421), and their transfers cut; all others go on.
	// +optional
	// +kubebuilder:default=Required
	Mode ClientCertificateMode `json:"mode,omitempty"`

	// authoritiesFrom is the entry with the certificates of the authorities, in PEM
	// format, one after another, up to 64 KiB. What is no authority is left
	// out, and a condition names it. While the entry cannot be read, those that were
	// read last stay in force; if there were none, Required refuses all. A
	// change of its content counts for new connections at once.
	// +required
	AuthoritiesFrom CertificateSource `json:"authoritiesFrom,omitzero"`
}

// ClientCertificateMode says whether clients need a certificate.
// +kubebuilder:validation:Enum=Required;Optional
type ClientCertificateMode string

const (
	// ClientCertificateRequired refuses those without.
	ClientCertificateRequired ClientCertificateMode = "Required"
	// ClientCertificateOptional admits them.
	ClientCertificateOptional ClientCertificateMode = "Optional"
)

// CertificateSource is an entry of a ConfigMap or of a Secret, in the same namespace.
type CertificateSource struct {
	// kind is ConfigMap or Secret; default ConfigMap.
	// +optional
	// +kubebuilder:default=ConfigMap
	Kind CertificateSourceKind `json:"kind,omitempty"`

	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// key of the entry; default ca.crt. Of a Secret, its certificates alone are
	// read, and no keys.
	// +optional
	// +kubebuilder:default=ca.crt
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// CertificateSourceKind is a kind that holds certificates.
// +kubebuilder:validation:Enum=ConfigMap;Secret
type CertificateSourceKind string

const (
	// CertificatesInConfigMap is for certificates in a ConfigMap.
	CertificatesInConfigMap CertificateSourceKind = "ConfigMap"
	// CertificatesInSecret is for certificates in a Secret.
	CertificatesInSecret CertificateSourceKind = "Secret"
)

// TLSVersion is a version of TLS.
// +kubebuilder:validation:Enum="1.0";"1.1";"1.2";"1.3"
type TLSVersion string

// Versions of TLS; the first two are weak.
const (
	TLS10 TLSVersion = "1.0"
	TLS11 TLSVersion = "1.1"
	TLS12 TLSVersion = "1.2"
	TLS13 TLSVersion = "1.3"
)

// SecretReference names a Secret in the same namespace.
type SecretReference struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// IssuerReference names an issuer of cert-manager.
type IssuerReference struct {
	// name of the issuer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// kind is Issuer (in the same namespace), ClusterIssuer, or the kind of
	// an external issuer; default Issuer.
	// +optional
	// +kubebuilder:default=Issuer
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`

	// group is the API group of the issuer; default cert-manager.io.
	// +optional
	// +kubebuilder:default=cert-manager.io
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group,omitempty"`
}
