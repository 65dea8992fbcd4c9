package resources_test

import (
	"testing"

	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestAFolderOfSomebodyElseIsNamedWithWhatToSet(t *testing.T) {
	for name, tc := range map[string]struct {
		denied config.Denied
		want   string
	}{
		"a tree of user 1000, as on NFS with root squash": {
			config.Denied{User: "acme", Folder: "/", To: config.FolderMake, Owner: 1000, Group: 1000, Mode: "0755", AsUser: 65532, AsGroup: 65532},
			`The server runs as user 65532 and group 65532, which may not make a home in the folder "/" of the volume, as user "acme" needs it; the folder belongs to user 1000 and group 1000 and has the mode 0755: set podTemplate.securityContext to {runAsUser: 1000, runAsGroup: 1000}, or give the folder to user 65532 on the volume.`,
		},
		"a tree that its group may write": {
			config.Denied{User: "acme", Folder: "/partners/acme", To: config.FolderWrite, Owner: 0, Group: 5000, Mode: "0770", AsUser: 65532, AsGroup: 65532},
			`The server runs as user 65532 and group 65532, which may not write to the folder "/partners/acme" of the volume, as user "acme" needs it; the folder belongs to user 0 and group 5000 and has the mode 0770: set podTemplate.securityContext to {runAsUser: 65532, runAsGroup: 65532, supplementalGroups: [5000]}, or give the folder to user 65532 on the volume.`,
		},
		"a tree of root": {
			config.Denied{User: "acme", Folder: "/acme", To: config.FolderEnter, Mode: "0700", AsUser: 65532, AsGroup: 65532},
			`The server runs as user 65532 and group 65532, which may not enter the folder "/acme" of the volume, as user "acme" needs it; the folder belongs to user 0 and group 0 and has the mode 0700: give the folder to user 65532 on the volume.`,
		},
		"a home that a read-only volume lacks": {
			config.Denied{User: "acme", Folder: "/partners", To: config.FolderMake, ReadOnly: true},
			`The volume is read-only, and lacks the home of user "acme" below its folder "/partners": make it on the volume, or set the user's home to one that is there.`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := resources.Denied(tc.denied); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}
