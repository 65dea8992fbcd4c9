package v1alpha1

// Standard ports.
const (
	PortFTP      int32 = 21
	PortFTPData  int32 = 20
	PortFTPS     int32 = 990
	PortFTPSData int32 = 989
	PortSFTP     int32 = 22
)

// Protocols has a field for each protocol that is served.
//
// +kubebuilder:validation:XValidation:rule="has(self.ftp) || has(self.ftps) || has(self.sftp)",message="no protocol is enabled: name at least one of ftp, ftps and sftp, as in 'protocols: {sftp: {}}', or leave protocols out to get all three"
// +kubebuilder:validation:XValidation:rule="!has(self.ftp) || !has(self.ftps) || !(self.ftps.port in [self.ftp.port, self.ftp.dataPort]) && !(self.ftps.dataPort in [self.ftp.port, self.ftp.dataPort])",message="ftp and ftps have a port in common: give each port and dataPort a number of its own"
// +kubebuilder:validation:XValidation:rule="!has(self.ftp) || !has(self.sftp) || !(self.sftp.port in [self.ftp.port, self.ftp.dataPort])",message="ftp and sftp have a port in common: give each port and dataPort a number of its own"
// +kubebuilder:validation:XValidation:rule="!has(self.ftps) || !has(self.sftp) || !(self.sftp.port in [self.ftps.port, self.ftps.dataPort])",message="ftps and sftp have a port in common: give each port and dataPort a number of its own"
type Protocols struct {
	// ftp is FTP, with TLS after AUTH TLS ("explicit TLS", RFC 4217).
	// +optional
	FTP *FTP `json:"ftp,omitempty"`

	// ftps is FTP that begins with TLS ("implicit TLS").
	// +optional
	FTPS *FTPS `json:"ftps,omitempty"`

	// sftp is the SSH File Transfer Protocol.
	// +optional
	SFTP *SFTP `json:"sftp,omitempty"`
}

// FTP is the listener for FTP with explicit TLS.
//
// +kubebuilder:validation:XValidation:rule="self.port != self.dataPort",message="port and dataPort are the same: give each a number of its own"
type FTP struct {
	// port is where clients connect; default 21.
	// +optional
	// +kubebuilder:default=21
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// dataPort is the source port of active data connections; default 20.
	// +optional
	// +kubebuilder:default=20
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	DataPort int32 `json:"dataPort,omitempty"`

	// tls says what is asked of clients. Required refuses logins and
	// transfers without TLS. Optional leaves it to the client: passwords and
	// files of those who do not use it can be read on the way. Disabled
	// offers none. A change counts at once: with Required, sessions and
	// transfers without TLS are ended.
	// +optional
	// +kubebuilder:default=Required
	TLS TLSPolicy `json:"tls,omitempty"`
}

// FTPS is the listener for FTP with implicit TLS.
//
// +kubebuilder:validation:XValidation:rule="self.port != self.dataPort",message="port and dataPort are the same: give each a number of its own"
type FTPS struct {
	// port is where clients connect; default 990.
	// +optional
	// +kubebuilder:default=990
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// dataPort is the source port of active data connections; default 989.
	// +optional
	// +kubebuilder:default=989
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	DataPort int32 `json:"dataPort,omitempty"`
}

// SFTP is the listener for SSH.
type SFTP struct {
	// port is where clients connect; default 22.
	// +optional
	// +kubebuilder:default=22
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// banner is a text that clients show before they log in.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Banner string `json:"banner,omitempty"`

	// trustedUserCAKeys are public keys of certificate authorities, as in
	// OpenSSH's TrustedUserCAKeys. Users who show a certificate that one of
	// them signed for their name need no authorized key.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=8192
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^(ssh-(rsa|ed25519)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh[.]com) [A-Za-z0-9+/]+=*( .*)?$'))",message="trustedUserCAKeys has something that is not a public key: write each as in the authority's .pub file, such as 'ssh-ed25519 AAAA... name'"
	TrustedUserCAKeys []string `json:"trustedUserCAKeys,omitempty"`

	// algorithms replace the defaults, which are modern. Use it to admit an
	// old client: each list below has the names that are known, and the last
	// of them are weak. Each list that is given replaces the default one.
	// +optional
	Algorithms *SSHAlgorithms `json:"algorithms,omitempty"`
}

// SSHAlgorithms are lists of names as in RFC 4253, most wanted first.
type SSHAlgorithms struct {
	// keyExchanges agree on the keys of a session, such as curve25519-sha256.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:Enum="mlkem768x25519-sha256";"curve25519-sha256";"ecdh-sha2-nistp256";"ecdh-sha2-nistp384";"ecdh-sha2-nistp521";"diffie-hellman-group14-sha256";"diffie-hellman-group16-sha512";"curve25519-sha256@libssh.org";"diffie-hellman-group14-sha1";"diffie-hellman-group1-sha1"
	// +kubebuilder:validation:items:MaxLength=128
	KeyExchanges []string `json:"keyExchanges,omitempty"`

	// ciphers encrypt, such as aes128-gcm@openssh.com.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:Enum="aes128-gcm@openssh.com";"aes256-gcm@openssh.com";"chacha20-poly1305@openssh.com";"aes128-ctr";"aes192-ctr";"aes256-ctr";"aes128-cbc";"3des-cbc";"arcfour256";"arcfour128";"arcfour"
	// +kubebuilder:validation:items:MaxLength=128
	Ciphers []string `json:"ciphers,omitempty"`

	// macs authenticate packets, such as hmac-sha2-256-etm@openssh.com.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:Enum="hmac-sha2-256-etm@openssh.com";"hmac-sha2-512-etm@openssh.com";"hmac-sha2-256";"hmac-sha2-512";"hmac-sha1";"hmac-sha1-96"
	// +kubebuilder:validation:items:MaxLength=128
	MACs []string `json:"macs,omitempty"`

	// hostKeys are the signature algorithms of the server's keys, such as
	// ssh-ed25519.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:Enum="rsa-sha2-256";"rsa-sha2-512";"ecdsa-sha2-nistp256";"ecdsa-sha2-nistp384";"ecdsa-sha2-nistp521";"ssh-ed25519";"ssh-rsa";"ssh-dss"
	// +kubebuilder:validation:items:MaxLength=128
	HostKeys []string `json:"hostKeys,omitempty"`

	// publicKeys are the signature algorithms of users' keys, such as
	// rsa-sha2-512.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:Enum="ssh-ed25519";"sk-ssh-ed25519@openssh.com";"sk-ecdsa-sha2-nistp256@openssh.com";"ecdsa-sha2-nistp256";"ecdsa-sha2-nistp384";"ecdsa-sha2-nistp521";"rsa-sha2-256";"rsa-sha2-512";"ssh-rsa";"ssh-dss"
	// +kubebuilder:validation:items:MaxLength=128
	PublicKeys []string `json:"publicKeys,omitempty"`
}

// ActiveMode says whether the server opens data connections to clients.
// +kubebuilder:validation:Enum=Allowed;Refused
type ActiveMode string

const (
	// ActiveAllowed opens them to the address of the control connection.
	ActiveAllowed ActiveMode = "Allowed"
	// ActiveRefused opens none.
	ActiveRefused ActiveMode = "Refused"
)

// ASCII says what TYPE A does to a file.
// +kubebuilder:validation:Enum=Convert;Keep
type ASCII string

const (
	// ASCIIConvert converts line ends.
	ASCIIConvert ASCII = "Convert"
	// ASCIIKeep transfers the bytes as they are.
	ASCIIKeep ASCII = "Keep"
)

// TLSPolicy says what is asked of FTP clients.
// +kubebuilder:validation:Enum=Required;Optional;Disabled
type TLSPolicy string

const (
	// TLSRequired refuses a login and a transfer without TLS.
	TLSRequired TLSPolicy = "Required"
	// TLSOptional leaves the choice to the client.
	TLSOptional TLSPolicy = "Optional"
	// TLSDisabled offers no TLS.
	TLSDisabled TLSPolicy = "Disabled"
)

// ServedProtocols is what is served: all three, where protocols is left out.
func (s *FileServerSpec) ServedProtocols() Protocols {
	if s.Protocols != nil {
		return *s.Protocols
	}
	return Protocols{
		FTP:  &FTP{Port: PortFTP, DataPort: PortFTPData, TLS: TLSRequired},
		FTPS: &FTPS{Port: PortFTPS, DataPort: PortFTPSData},
		SFTP: &SFTP{Port: PortSFTP},
	}
}

// HasPassive says whether a protocol is served that has passive mode.
func (p Protocols) HasPassive() bool { return p.FTP != nil || p.FTPS != nil }

// HasTLS says whether a protocol is served that needs a certificate.
func (p Protocols) HasTLS() bool {
	return p.FTPS != nil || p.FTP != nil && p.FTP.TLS != TLSDisabled
}
