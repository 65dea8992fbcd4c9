package resources

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Bits of a mode that let a group use a folder.
const (
	groupEnters fs.FileMode = 0o010
	groupWrites fs.FileMode = 0o030
)

// Denied says of a folder that the server may not use whose it is, and what to
// set.
func Denied(d config.Denied) string {
	if d.ReadOnly {
		return fmt.Sprintf("The volume is read-only, and lacks the home of user %q below its folder %q: make it on the volume, or set the user's home to one that is there.", d.User, d.Folder)
	}
	return fmt.Sprintf("The server runs as user %d and group %d, which may not %s the folder %q of the volume, as user %q needs it; the folder belongs to user %d and group %d and has the mode %s: %s.",
		d.AsUser, d.AsGroup, d.To, d.Folder, d.User, d.Owner, d.Group, d.Mode, strings.Join(remedies(d), ", or "))
}

// remedies are what lets the server use a folder, the least change first.
func remedies(d config.Denied) []string {
	var list []string
	needs := groupWrites
	if d.To == config.FolderEnter || d.To == config.FolderRead {
		needs = groupEnters
	}
	if mode := d.Mode.BitsOr(0); mode&needs == needs && d.AsGroup != d.Group {
		list = append(list, fmt.Sprintf("set podTemplate.securityContext to {runAsUser: %d, runAsGroup: %d, supplementalGroups: [%d]}", d.AsUser, d.AsGroup, d.Group))
	}
	if d.Owner > 0 && d.AsUser != d.Owner {
		list = append(list, fmt.Sprintf("set podTemplate.securityContext to {runAsUser: %d, runAsGroup: %d}", d.Owner, d.Group))
	}
	return append(list, fmt.Sprintf("give the folder to user %d on the volume", d.AsUser))
}
