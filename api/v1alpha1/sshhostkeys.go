package v1alpha1

// SSHHostKeyType is a kind of SSH host key.
// +kubebuilder:validation:Enum=Ed25519;ECDSA;RSA
type SSHHostKeyType string

const (
	// SSHHostKeyEd25519 is ssh-ed25519 (RFC 8709).
	SSHHostKeyEd25519 SSHHostKeyType = "Ed25519"
	// SSHHostKeyECDSA is ecdsa-sha2-nistp256 (RFC 5656).
	SSHHostKeyECDSA SSHHostKeyType = "ECDSA"
	// SSHHostKeyRSA is ssh-rsa with 3072 bits (RFC 4253, RFC 8332).
	SSHHostKeyRSA SSHHostKeyType = "RSA"
)

// SSHHostKeys are the keys by which SFTP clients know the server.
//
// +kubebuilder:validation:XValidation:rule="!has(self.secretRef) || !has(self.types)",message="sshHostKeys has both secretRef and types: with secretRef the keys are those in your Secret, so remove one of them"
type SSHHostKeys struct {
	// secretRef names a Secret whose entries are private keys in OpenSSH's or
	// PEM format without passphrase. Entries that end in ".pub" are ignored.
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`

	// types are the kinds of keys that are made once and kept: Ed25519, ECDSA
	// (P-256) and RSA (3072 bits). Left out, they are Ed25519 and ECDSA. RSA is
	// for clients that know no other kind, or that have pinned such a key. A
	// kind that is removed is not shown to clients any more; its key stays in
	// the Secret, and is the same when the kind is listed again. A change is in
	// force for new sessions, and replaces no pod.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	Types []SSHHostKeyType `json:"types,omitempty"`
}

// WantedTypes are the kinds of keys that are made.
func (k SSHHostKeys) WantedTypes() []SSHHostKeyType {
	if len(k.Types) > 0 {
		return k.Types
	}
	return []SSHHostKeyType{SSHHostKeyEd25519, SSHHostKeyECDSA}
}
