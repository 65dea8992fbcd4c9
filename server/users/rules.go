package users

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// A spot is a place in the user's tree as it was walked, and the rules as they
// were then. A rule is for the folder that its path leads to at that moment,
// whatever name it is reached by: another case of letters, or a link. So it is
// the walked folders that are compared, besides the names.
type spot struct {
	storage.Place
	err     error // of the walk
	account *User // whose rules they are
	access  config.Access
	barred  bool // the walk went through what the user knows nothing of
	rules   []rule
}

// A rule is one of the user's for paths, and where its path leads.
type rule struct {
	config.PathRule
	place storage.Place
	found bool // the place is that of the rule: its path could be walked
}

// look walks a name, and the paths of the rules.
func look(tree storage.FS, c *config.User, name string, follow bool) *spot {
	s := &spot{rules: make([]rule, len(c.Paths))}
	for i, given := range c.Paths {
		place, err := tree.Resolve(given.Path, true)
		s.rules[i] = rule{given, place, err == nil}
	}
	s.Place, s.err = tree.Resolve(name, follow)
	s.access = accessTo(c, s.rules, &s.Place)
	for i := range s.Passed {
		way := spot{Place: s.Passed[i], rules: s.rules, access: accessTo(c, s.rules, &s.Passed[i])}
		if !way.mayDescribe() {
			// That the name can be walked would tell what is there.
			s.access, s.barred = config.AccessNone, true
		}
	}
	return s
}

// entry is the spot of an entry of a folder.
func (s *spot) entry(info fs.FileInfo) *spot {
	e := &spot{rules: s.rules, account: s.account, barred: s.barred}
	e.Name, e.IDs = path.Join(s.Name, info.Name()), s.IDs
	// What the volume lists may be written in another way than the rule, or be a
	// hard link. The entry's identity is that of a rule's place, or of no interest.
	for i := range s.rules {
		for _, id := range s.rules[i].place.IDs {
			if id.Is(info) {
				e.IDs = append(slices.Clip(s.IDs), id)
				return e
			}
		}
	}
	return e
}

// accessTo returns what the user may do at a place: what the rule says that is
// for the last of its folders. Where two are for the same, it is what both say.
func accessTo(c *config.User, rules []rule, place *storage.Place) config.Access {
	access, deepest := c.Access, -1
	for i := range rules {
		switch depth := rules[i].reaches(place); {
		case depth < 0 || depth < deepest:
		case depth == deepest:
			access = least(access, rules[i].Access)
		default:
			access, deepest = rules[i].Access, depth
		}
	}
	return access
}

// AccessHint returns what the user may do with a name as far as that can be told
// without a walk: where a link leads to a rule it is wrong. It is what listings show;
// nothing is decided by it.
func (u *User) AccessHint(name string) config.Access {
	c := &u.now().config
	access, longest := c.Access, -1
	for _, rule := range c.Paths {
		if within(rule.Path, name) && len(rule.Path) > longest {
			access, longest = rule.Access, len(rule.Path)
		}
	}
	return access
}

// reaches returns how deep the folder lies, on the way to a place, that the
// rule is for: 0 is the top. It is negative if the rule is not for the place.
func (r *rule) reaches(place *storage.Place) int {
	depth := -1
	if within(r.Path, place.Name) {
		depth = parts(r.Path)
	}
	if !r.found {
		return depth
	}
	if within(r.place.Name, place.Name) {
		depth = max(depth, parts(r.place.Name))
	}
	if r.place.Exists() {
		for i, id := range place.IDs {
			if id == r.place.ID() {
				depth = max(depth, i)
			}
		}
	}
	return depth
}

// isBelow reports whether the rule is for the place itself or for something
// below it, or its path leads through a link there.
func (r *rule) isBelow(place *storage.Place) bool {
	if within(place.Name, r.Path) || r.found && within(place.Name, r.place.Name) {
		return true
	}
	if leadsThrough(&r.place, place) {
		return true
	}
	for i := range r.place.Passed {
		way := &r.place.Passed[i]
		if within(place.Name, way.Name) || leadsThrough(way, place) {
			return true
		}
	}
	return false
}

// leadsThrough reports whether a place is on the way to another, or is the other.
func leadsThrough(to, place *storage.Place) bool {
	return place.Exists() && slices.Contains(to.IDs, place.ID())
}

// least is what both allow.
func least(a, b config.Access) config.Access {
	switch {
	case a == b, b == config.AccessReadWrite:
		return a
	case a == config.AccessReadWrite:
		return b
	}
	return config.AccessNone
}

// within reports whether name is dir or below it.
func within(dir, name string) bool {
	return dir == "/" || name == dir || strings.HasPrefix(name, dir+"/")
}

// parts is the number of parts of a clean absolute name.
func parts(name string) int { return strings.Count(strings.TrimRight(name, "/"), "/") }

// mayRead reports whether files may be read, and folders listed.
func (s *spot) mayRead() bool {
	return s.access == config.AccessReadWrite || s.access == config.AccessReadOnly
}

// mayWrite reports whether all is allowed.
func (s *spot) mayWrite() bool { return s.access == config.AccessReadWrite }

// mayMake reports whether something new may be made.
func (s *spot) mayMake() bool {
	return s.access == config.AccessReadWrite || s.access == config.AccessWriteOnly
}

// mayDescribe reports whether the user may know what is there: also where a
// rule is for something below, so that the user can get there.
func (s *spot) mayDescribe() bool {
	switch {
	case s.barred:
		return false
	case s.access != config.AccessNone:
		return true
	}
	for i := range s.rules {
		if s.rules[i].Access != config.AccessNone && s.rules[i].isBelow(&s.Place) {
			return true
		}
	}
	return false
}

// ruled reports whether a rule is for the place itself or something below it,
// which would come to be elsewhere if the place were moved or replaced.
func (s *spot) ruled() bool {
	for i := range s.rules {
		if s.rules[i].isBelow(&s.Place) {
			return true
		}
	}
	return false
}

// mayMove reports whether the place itself may change or vanish: it and its
// folder may be written, and it is not ruled.
func (s *spot) mayMove(c *config.User) bool {
	parent := s.Parent()
	return s.mayWrite() && accessTo(c, s.rules, &parent) == config.AccessReadWrite && !s.ruled()
}

// name is the real name of the place, for an operation on it. given is how the
// client wrote it.
func (s *spot) name(given string) string {
	if strings.HasSuffix(given, "/") && !s.Exists() {
		return s.Name + "/" // a folder is meant
	}
	return s.Name
}

// linkTarget is the name that a link at the spot would lead to.
func (s *spot) linkTarget(target string) string {
	if path.IsAbs(target) {
		return target
	}
	return path.Dir(s.Name) + "/" + target
}
