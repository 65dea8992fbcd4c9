package v1alpha1

// Password is how a user logs in.
type Password struct {
	// secretRef names the entry of a Secret that has the password, plain or
	// as a hash in crypt(3) format ($2b$, $6$, $5$, $argon2id$, ...). Left
	// out, a password is made.
	// +optional
	SecretRef *PasswordReference `json:"secretRef,omitempty"`
}

// PasswordReference names an entry of a Secret.
type PasswordReference struct {
	// name of the Secret, in the same namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// key of the entry; default password.
	// +optional
	// +kubebuilder:default=password
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// KeySource is an entry of a ConfigMap or of a Secret, in the same namespace.
type KeySource struct {
	// kind is ConfigMap or Secret; default ConfigMap.
	// +optional
	// +kubebuilder:default=ConfigMap
	Kind KeySourceKind `json:"kind,omitempty"`

	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// key of the entry; default authorized_keys.
	// +optional
	// +kubebuilder:default=authorized_keys
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// KeySourceKind is a kind that holds keys.
// +kubebuilder:validation:Enum=ConfigMap;Secret
type KeySourceKind string

const (
	// KeysInConfigMap is for keys in a ConfigMap.
	KeysInConfigMap KeySourceKind = "ConfigMap"
	// KeysInSecret is for keys in a Secret.
	KeysInSecret KeySourceKind = "Secret"
)

// Authentication says what a login needs.
// +kubebuilder:validation:Enum=Any;All
type Authentication string

const (
	// AuthenticateAny wants the password or a key.
	AuthenticateAny Authentication = "Any"
	// AuthenticateAll wants a key and the password.
	AuthenticateAll Authentication = "All"
)

// HasKeys says whether the user has public keys.
func (s *FileServerUserSpec) HasKeys() bool {
	return len(s.AuthorizedKeys) > 0 || len(s.AuthorizedKeysFrom) > 0
}

// GeneratesPassword says whether the operator makes the user's password.
func (s *FileServerUserSpec) GeneratesPassword() bool {
	if s.Password != nil {
		return s.Password.SecretRef == nil
	}
	return !s.HasKeys()
}
