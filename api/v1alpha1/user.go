package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FileServerUser is an account on a FileServer in the same namespace. With
// neither a password nor keys, a password is made. Whatever an application
// needs to log in is in the Secret named after the user with "-credentials"
// added.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=fsu,categories=file-transfer
// +kubebuilder:subresource:status
// +kubebuilder:selectablefield:JSONPath=.spec.serverRef.name
// +kubebuilder:selectablefield:JSONPath=.spec.username
// +kubebuilder:printcolumn:name=Ready,type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether the user can log in."
// +kubebuilder:printcolumn:name=Reason,type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why the user can, or cannot, log in."
// +kubebuilder:printcolumn:name=Server,type=string,JSONPath=.spec.serverRef.name,description="The FileServer."
// +kubebuilder:printcolumn:name=Username,type=string,JSONPath=.status.username,description="The name to log in with."
// +kubebuilder:printcolumn:name=Access,type=string,JSONPath=.spec.access,description="What the user may do."
// +kubebuilder:printcolumn:name=Secret,type=string,JSONPath=.status.binding.name,description="The Secret with all that is needed to log in."
// +kubebuilder:printcolumn:name=Age,type=date,JSONPath=.metadata.creationTimestamp
// +kubebuilder:printcolumn:name=Expires,type=string,priority=1,JSONPath=.spec.expiresAt,description="When the account ends."
// +kubebuilder:printcolumn:name="Last login",type=date,priority=1,JSONPath=.status.lastLogin,description="When the user last logged in."
// +kubebuilder:printcolumn:name="Last upload",type=date,priority=1,JSONPath=.status.lastUpload,description="When the user's last upload was complete."
// +kubebuilder:printcolumn:name=Message,type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What the reason means, and what to do."
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name is longer than 63 characters: shorten it, and set spec.username to the name to log in with"
type FileServerUser struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the wanted account.
	// +required
	Spec FileServerUserSpec `json:"spec,omitzero"`

	// status is what was observed.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status FileServerUserStatus `json:"status,omitzero"`
}

// FileServerUserList is a list of FileServerUser objects.
//
// +kubebuilder:object:root=true
type FileServerUserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []FileServerUser `json:"items"`
}

// FileServerUserSpec is the wanted account.
//
// +kubebuilder:validation:XValidation:rule="self.authentication != 'All' || has(self.password) && (has(self.authorizedKeys) || has(self.authorizedKeysFrom))",message="authentication All wants both a password and a key of the user: set password ('password: {}' makes one) and authorizedKeys or authorizedKeysFrom, or set authentication to Any"
// +kubebuilder:validation:XValidation:rule="self.authentication != 'All' || !has(self.protocols) || self.protocols.all(p, p == 'sftp')",message="authentication All is possible with sftp alone: set protocols to [sftp], or authentication to Any"
type FileServerUserSpec struct {
	// serverRef names the FileServer, in the same namespace.
	// +required
	ServerRef ServerReference `json:"serverRef,omitzero"`

	// username is the name to log in with; default metadata.name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^\\\\s/:\\\\\\\\\\\\x00-\\\\x1f\\\\x7f]+$') && self != '.' && self != '..'",message="username has a space, '/', ':', a backslash or a control character, or is only dots: use letters, digits and signs such as '.', '-', '_' and '@'"
	Username string `json:"username,omitempty"`

	// password is how the user logs in. Left out together with the keys, or
	// present but empty (`password: {}`), one is made and put into the
	// Secret with "-credentials" added to the user's name.
	// +optional
	Password *Password `json:"password,omitempty"`

	// authorizedKeys are public SSH keys of the user, each a line as in an
	// authorized_keys file. They are for SFTP.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=8192
	AuthorizedKeys []string `json:"authorizedKeys,omitempty"`

	// authorizedKeysFrom are entries of ConfigMaps or Secrets that hold
	// authorized_keys files.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	AuthorizedKeysFrom []KeySource `json:"authorizedKeysFrom,omitempty"`

	// authentication says what of these a login needs: Any of them, or All: a
	// key and then the password, which SFTP alone can ask for.
	// +optional
	// +kubebuilder:default=Any
	Authentication Authentication `json:"authentication,omitempty"`

	// home is the folder that the user sees as "/", below the root of the
	// storage; default the username. Users with the same home share files;
	// "." is the root with the homes of all users.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self == '.' || self.split('/').all(s, s != '' && s != '.' && s != '..')",message="home is not a clean path below the root of the storage: write one such as alice or partners/acme, without '/' at the beginning or end and without '.' and '..'"
	Home string `json:"home,omitempty"`

	// access is what the user may do: ReadWrite; ReadOnly (list and
	// download); WriteOnly (upload new files and see nothing: a drop box).
	// +optional
	// +kubebuilder:default=ReadWrite
	Access UserAccess `json:"access,omitempty"`

	// paths change the access below some paths. The longest path counts.
	// +optional
	// +listType=map
	// +listMapKey=path
	// +kubebuilder:validation:MaxItems=64
	Paths []PathRule `json:"paths,omitempty"`

	// protocols are the only ones with which the user can log in: ftp, ftps,
	// sftp. Left out, all that the server serves.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	Protocols []ProtocolName `json:"protocols,omitempty"`

	// allowedSources are the only addresses and networks from which the user
	// can log in, such as 192.0.2.7 or 10.0.0.0/8. Left out, all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(s, isCIDR(s) || isIP(s))",message="allowedSources has something that is neither an address nor a network: write 192.0.2.7 or 10.0.0.0/8"
	AllowedSources []string `json:"allowedSources,omitempty"`

	// expiresAt is when the account ends, such as 2030-12-31T23:59:59Z;
	// running sessions are ended then. Left out, never.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// state is Active, the default, or Suspended, which refuses logins and
	// ends running sessions for as long as it is set.
	// +optional
	// +kubebuilder:default=Active
	State UserState `json:"state,omitempty"`

	// limits are the user's own; left out, those of the server's sessions.
	// +optional
	Limits *UserLimits `json:"limits,omitempty"`
}

// UserState says whether an account is in use.
// +kubebuilder:validation:Enum=Active;Suspended
type UserState string

const (
	// UserActive can log in.
	UserActive UserState = "Active"
	// UserSuspended cannot.
	UserSuspended UserState = "Suspended"
)

// ServerReference names a FileServer in the same namespace.
type ServerReference struct {
	// name of the FileServer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`
}

// LoginName is the name to log in with.
func (u *FileServerUser) LoginName() string {
	if u.Spec.Username != "" {
		return u.Spec.Username
	}
	return u.Name
}
