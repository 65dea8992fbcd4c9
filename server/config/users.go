package config

import (
	"cmp"
	"net/netip"
	"time"
)

// Protocol names, as in [User.Protocols], logs and metrics.
const (
	ProtocolFTP  = "ftp"  // plain, or with explicit TLS
	ProtocolFTPS = "ftps" // implicit TLS
	ProtocolSFTP = "sftp"
)

// Access is what a user may do.
type Access string

const (
	// AccessReadWrite allows all.
	AccessReadWrite Access = "ReadWrite"
	// AccessReadOnly allows to list and to download.
	AccessReadOnly Access = "ReadOnly"
	// AccessWriteOnly allows to upload new files, and neither to list,
	// to download, to overwrite nor to delete: a drop box.
	AccessWriteOnly Access = "WriteOnly"
	// AccessNone allows nothing.
	AccessNone Access = "None"
)

// Users is who may log in. A server has one such file, or several with some of the
// users each, of which none is in two.
type Users struct {
	Version string `json:"version"`
	Users   []User `json:"users"`
}

// User is an account. One with neither a password hash nor keys cannot log in.
type User struct {
	Name string `json:"name"`

	// PasswordHash is in crypt(3) format: bcrypt ($2b$), SHA-512 ($6$),
	// SHA-256 ($5$), argon2id, scrypt or PBKDF2.
	PasswordHash string `json:"passwordHash,omitempty"`

	// AuthorizedKeys are public keys, each a line as in authorized_keys.
	AuthorizedKeys []string `json:"authorizedKeys,omitempty"`

	// RequireAll wants both a key and the password (SSH only; a protocol
	// that cannot ask for both refuses the user).
	RequireAll bool `json:"requireAll,omitempty"`

	// Home is the user's root folder, below the storage root: a clean
	// relative path; default the name. It is made at the first login.
	Home string `json:"home,omitempty"`

	Access Access     `json:"access,omitempty"` // default ReadWrite
	Paths  []PathRule `json:"paths,omitempty"`

	Protocols      []string       `json:"protocols,omitempty"`      // empty: all
	AllowedSources []netip.Prefix `json:"allowedSources,omitempty"` // empty: all
	ExpiresAt      *time.Time     `json:"expiresAt,omitempty"`
	Suspended      bool           `json:"suspended,omitempty"`

	Limits UserLimits `json:"limits,omitzero"`
}

// withDefaults is the user with what a file leaves out.
func (u User) withDefaults() User {
	u.Home, u.Access = cmp.Or(u.Home, u.Name), cmp.Or(u.Access, AccessReadWrite)
	return u
}

// withoutDefaults is the user as files have it: there may be many.
func (u User) withoutDefaults() User {
	if u.Home == u.Name {
		u.Home = ""
	}
	if u.Access == AccessReadWrite {
		u.Access = ""
	}
	return u
}

// PathRule changes the access below a path. The longest path that matches
// counts.
type PathRule struct {
	Path   string `json:"path"` // absolute, as the user sees it
	Access Access `json:"access"`
}

// UserLimits are a user's own limits. Zero is the server's.
type UserLimits struct {
	MaxSessions int       `json:"maxSessions,omitempty"`
	Bandwidth   Bandwidth `json:"bandwidth,omitzero"`
}
