package accounts

import (
	"path"
	"strings"
	"unicode/utf8"
)

// setHome says where a home is below the root of the storage.
func (b *book) setHome(a *Account, home string) {
	a.home = home
	switch {
	case home == "":
		return
	case !utf8.ValidString(home):
		b.unsaid(a, "its home is not in UTF-8: it gets that of its name; say which encoding the dump has (--encoding)")
		return
	case !path.IsAbs(home):
		b.unsaid(a, "its home %q is not an absolute path: it gets that of its name", home)
		return
	}
	home = path.Clean(home)
	if home == "/" || strings.HasPrefix(home, "/dev/") || strings.HasPrefix(home, "/nonexistent") {
		b.unsaid(a, "its home is %s: it gets that of its name", home)
		return
	}
	below, ok := b.below(home)
	switch {
	case len(below) > 1024:
		b.unsaid(a, "the path of its home is longer than 1024 bytes: it gets that of its name")
		return
	case !ok:
		b.unsaid(a, "its home %s is below none of %s: it becomes %s below the root of the storage (--home)", home, strings.Join(b.Homes, ", "), below)
	}
	if below != a.Name {
		a.Spec.Home = below
	}
}

// below is a path from the folder on that has the homes.
func (b *book) below(home string) (string, bool) {
	for _, root := range b.Homes {
		root = path.Clean(root)
		if home == root {
			return ".", true
		}
		if rest, ok := strings.CutPrefix(home, strings.TrimSuffix(root, "/")+"/"); ok {
			return rest, true
		}
	}
	return strings.TrimPrefix(home, "/"), false
}
