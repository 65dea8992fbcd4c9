package config

// Denied is a folder of the volume that the server may not use as a user needs
// it, as the volume has it. Such a user cannot log in, or cannot do what the
// user's access allows.
type Denied struct {
	// User is whose home needs the folder.
	User string `json:"user"`
	// Folder is its path from the root of the volume: "/partners/acme".
	Folder string `json:"folder"`
	// To is what the server may not do there.
	To FolderUse `json:"to"`
	// ReadOnly is true if nobody can write to the volume.
	ReadOnly bool `json:"readOnly,omitempty"`
	// Owner and Group are the folder's, and Mode its permissions.
	Owner int  `json:"owner"`
	Group int  `json:"group"`
	Mode  Mode `json:"mode"`
	// AsUser and AsGroup are the server's own.
	AsUser  int `json:"asUser"`
	AsGroup int `json:"asGroup"`
}

// FolderUse is what is done in a folder; it ends "may not".
type FolderUse string

// What is done in folders.
const (
	FolderEnter FolderUse = "enter"
	FolderRead  FolderUse = "list"
	FolderWrite FolderUse = "write to"
	// FolderMake is to make the home in it, at the user's first login.
	FolderMake FolderUse = "make a home in"
)

// MaxDenied is how many folders are told at most.
const MaxDenied = 100
