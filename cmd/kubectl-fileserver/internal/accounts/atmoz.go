package accounts

import (
	"fmt"
	"path"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// Atmoz reads users.conf of the image atmoz/sftp:
//
//	user:password[:e][:uid[:gid[:folder[,folder]...]]]
//
// where "e" says that the password is a hash.
func Atmoz(o Options) (Found, error) {
	b := newBook(o)
	text, err := decode(o.Text, o.Encoding)
	if err != nil {
		return Found{}, err
	}
	for _, line := range lines(text) {
		b.atmozAccount(line)
	}
	return b.Found, nil
}

func (b *book) atmozAccount(line record) {
	f := line.fields
	if len(f) < 2 {
		b.leaveOut(line.number, "", "has no password's field%s", line.cut())
		return
	}
	hashed := len(f) > 2 && f[2] == "e"
	rest := f[2:]
	if hashed {
		rest = f[3:]
	}
	if len(rest) > 3 {
		b.leaveOut(line.number, name(line), "has %d fields, and at most 6 are known", len(f))
		return
	}
	a := b.begin(line.number, strings.TrimSpace(f[0]))
	if a == nil {
		return
	}
	a.Spec.Protocols = []v1alpha1.ProtocolName{v1alpha1.ProtocolSFTP}
	b.setHome(a, "/home/"+a.Name)
	b.addKeys(a)
	switch {
	case f[1] == "":
		a.nothing = "has no password"
	case hashed:
		b.setUnixHash(a, f[1])
	default:
		a.setPassword(f[1])
	}
	if len(rest) > 0 && rest[0] != "" {
		b.owner(a)
	}
	if len(rest) > 2 && rest[2] != "" {
		b.atmozFolders(a, strings.Split(strings.TrimSpace(rest[2]), ","))
	}
	b.end(a)
}

// atmozFolders are those that are made for the user. The home itself belongs to
// root, so that nothing can be put there.
func (b *book) atmozFolders(a *Account, folders []string) {
	a.Spec.Access = v1alpha1.UserReadOnly
	for _, folder := range folders {
		if err := addPath(a, "/"+folder, "ReadWrite"); err != nil {
			b.unsaid(a, "its folder %.60q %v", folder, err)
			continue
		}
	}
	b.unsaid(a, "its folders %s are made by nobody here: make them on the volume", strings.Join(folders, ", "))
}

// addPath adds a rule. Of two for one path the narrower one counts.
func addPath(a *Account, p string, access v1alpha1.PathAccess) error {
	clean := path.Clean(p)
	if clean != p && clean+"/" != p || !strings.HasPrefix(p, "/") || len(p) > 1024 {
		return fmt.Errorf("is no clean path below its home")
	}
	for _, rule := range a.Spec.Paths {
		if rule.Path == clean {
			return fmt.Errorf("occurs twice")
		}
	}
	a.Spec.Paths = append(a.Spec.Paths, v1alpha1.PathRule{Path: clean, Access: access})
	return nil
}
