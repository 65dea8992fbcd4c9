package v1alpha1

// TLS is the certificate of FTP and FTPS: from a Secret, from cert-manager, or
// by default from a certificate authority of this FileServer's own. It also
// says which versions are served.
//
// +kubebuilder:validation:XValidation:rule="!has(self.secretRef) || !has(self.issuerRef)",message="tls has both secretRef and issuerRef: keep the one that shall provide the certificate"
// +kubebuilder:validation:XValidation:rule="!has(self.secretRef) || !has(self.dnsNames)",message="tls.dnsNames are for certificates that are issued; with secretRef the certificate is yours: remove one of them"
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
}

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

// SSHHostKeys are the keys by which SFTP clients know the server.
type SSHHostKeys struct {
	// secretRef names a Secret whose entries are private keys in OpenSSH's or
	// PEM format without passphrase. Entries that end in ".pub" are ignored.
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`
}
