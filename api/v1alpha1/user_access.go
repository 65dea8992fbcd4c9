package v1alpha1

// UserAccess is what a user may do.
// +kubebuilder:validation:Enum=ReadWrite;ReadOnly;WriteOnly
type UserAccess string

// PathAccess is what a user may do below a path.
// +kubebuilder:validation:Enum=ReadWrite;ReadOnly;WriteOnly;None
type PathAccess string

const (
	// UserReadWrite allows all.
	UserReadWrite UserAccess = "ReadWrite"
	// UserReadOnly allows to list and to download.
	UserReadOnly UserAccess = "ReadOnly"
	// UserWriteOnly allows to upload new files.
	UserWriteOnly UserAccess = "WriteOnly"
)

// PathRule changes the access below a path.
type PathRule struct {
	// path as the user sees it, such as /incoming.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self == '/' || self.startsWith('/') && self.substring(1).split('/').all(s, s != '' && s != '.' && s != '..')",message="path is not a clean absolute path: write one such as /incoming, without '/' at the end and without '.' and '..'"
	Path string `json:"path,omitempty"`

	// access is ReadWrite, ReadOnly, WriteOnly or None.
	// +required
	Access PathAccess `json:"access,omitempty"`
}

// ProtocolName is ftp, ftps or sftp.
// +kubebuilder:validation:Enum=ftp;ftps;sftp
type ProtocolName string

// Names of the protocols.
const (
	ProtocolFTP  ProtocolName = "ftp"
	ProtocolFTPS ProtocolName = "ftps"
	ProtocolSFTP ProtocolName = "sftp"
)

// UserLimits are a user's own limits.
type UserLimits struct {
	// maxSessions is how many sessions the user has at once in a pod.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxSessions int32 `json:"maxSessions,omitempty"`

	// bandwidth limits each session of the user.
	// +optional
	Bandwidth *Bandwidth `json:"bandwidth,omitempty"`
}
