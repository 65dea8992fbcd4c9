package users

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// FuzzNothingForbiddenIsReached makes a tree, links, rules and requests of the
// input. What can be read is compared with what an oracle says that knows the
// whole disk; what may not be changed must not have changed, and what is outside
// of the home not at all.
func FuzzNothingForbiddenIsReached(f *testing.F) {
	for _, seed := range []string{
		"", "dir a, file a/b, link", "\x03\x01\x02\x00\x01\x02\x07\x01\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
		strings.Repeat("\x00\x01\x02\x13\x24\x35\x46\x57\x68\x79\x8a\x9b", 12), strings.Repeat("link/up/../out", 12),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 400 {
			return
		}
		w := newWorld(t, input)
		for len(w.input) > 0 && !t.Failed() {
			w.request()
		}
	})
}

// A world is a disk with a home, a user of it, and input to make requests of.
type world struct {
	t     *testing.T
	input []byte
	root  string // holds the home, and what is outside
	home  string
	user  *User
	tree  storage.FS
}

func (w *world) next(n int) int {
	if len(w.input) == 0 {
		return 0
	}
	b := w.input[0]
	w.input = w.input[1:]
	return int(b) % n
}

// name is a name of up to four parts, often one that exists.
func (w *world) name() string {
	var b strings.Builder
	for range 1 + w.next(4) {
		b.WriteString("/" + []string{"a", "b", "c", "a", "b", "..", ".", ""}[w.next(8)])
	}
	return b.String()
}

func (w *world) target() string {
	switch name := w.name(); w.next(4) {
	case 0:
		return name
	case 1:
		return w.home + name
	case 2:
		return "../outside" + name
	default:
		return "." + name
	}
}

var accesses = []config.Access{config.AccessReadWrite, config.AccessReadOnly, config.AccessNone, config.AccessWriteOnly}

func newWorld(t *testing.T, input []byte) *world {
	root := t.TempDir()
	w := &world{t: t, input: input, root: root, home: filepath.Join(root, "home")}
	for _, dir := range []string{"home", "outside", "outside/a", "outside/a/b"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"outside/f", "outside/a/b/c"} {
		if err := os.WriteFile(filepath.Join(root, file), []byte("outside"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 + w.next(12) {
		at := w.home + path.Clean(w.name())
		switch w.next(4) {
		case 0:
			_ = os.Symlink(w.target(), at)
		case 1:
			_ = os.WriteFile(at, []byte(at), 0o644)
		default:
			_ = os.Mkdir(at, 0o755)
		}
	}
	c := config.User{Access: accesses[w.next(3)]}
	for range w.next(4) {
		c.Paths = append(c.Paths, config.PathRule{Path: path.Clean(w.name()), Access: accesses[w.next(4)]})
	}
	local, err := storage.OpenLocal(root, "home")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	w.tree = local
	if w.next(2) == 0 {
		w.tree = storage.Atomic(local, storage.Uploads{User: "alice"})
	}
	w.user = &User{config: c}
	w.tree = w.user.Restrict(w.tree)
	return w
}

// request does one thing that a client may ask for.
func (w *world) request() {
	before, outside := w.kept(), w.snapshot(filepath.Join(w.root, "outside"))
	op, name := w.next(12), w.name()
	what := fmt.Sprint(op, " ", name)
	switch op {
	case 0, 1:
		w.read(name)
	case 2:
		flag := []int{os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_CREATE, os.O_WRONLY | os.O_CREATE | os.O_TRUNC, os.O_RDWR | os.O_CREATE | os.O_EXCL}[w.next(5)]
		if f, err := w.tree.OpenFile(name, flag, 0o644); err == nil {
			_, _ = f.Write([]byte("w"))
			f.Close()
		}
	case 3:
		_ = w.tree.Mkdir(name, 0o755)
	case 4:
		_ = w.tree.Remove(name)
	case 5:
		_ = w.tree.RemoveDir(name)
	case 6:
		to := w.name()
		what += " " + to
		_ = w.tree.Rename(name, to)
	case 7:
		to := w.name()
		what += " " + to
		_ = w.tree.RenameNew(name, to)
	case 8:
		to := w.target()
		what += " to " + to
		_ = w.tree.Symlink(to, name)
	case 9:
		to := w.name()
		what += " " + to
		_ = w.tree.Link(name, to)
	case 10:
		_ = w.tree.Chmod(name, 0o711)
	case 11:
		w.list(name)
	}
	after := w.snapshot(w.home)
	for name, was := range before {
		if after[name] != was {
			w.t.Errorf("request %s, rules %s %v: %s was %q, and is %q", what, w.user.config.Access, w.user.config.Paths, name, was, after[name])
		}
	}
	if now := w.snapshot(filepath.Join(w.root, "outside")); !maps.Equal(now, outside) {
		w.t.Errorf("request %s changed what is outside: %v", what, now)
	}
}

func (w *world) mayRead(found string) bool {
	a := w.access(found)
	return a == config.AccessReadWrite || a == config.AccessReadOnly
}

func (w *world) read(name string) {
	found, known := w.resolve(name, 0)
	info, err := os.Lstat(w.home + found)
	may := known && err == nil && info.Mode().IsRegular() && w.mayRead(found)
	got, err := content(w.tree, name)
	if may != (err == nil) {
		w.t.Errorf("reading %s, rules %s %v, which is %s: got %v, want allowed %v", name, w.user.config.Access, w.user.config.Paths, found, err, may)
	}
	if want, _ := os.ReadFile(w.home + found); may && got != string(want) {
		w.t.Errorf("reading %s got %q, want that of %s", name, got, found)
	}
}

func (w *world) list(name string) {
	found, known := w.resolve(name, 0)
	var got []string
	for info, err := range w.tree.List(name) {
		if err != nil {
			return
		}
		got = append(got, info.Name())
	}
	entries, err := os.ReadDir(w.home + found)
	if len(got) > 0 && (!known || err != nil || !w.mayRead(found)) {
		w.t.Errorf("%s was listed, rules %s %v, which is %s: %q", name, w.user.config.Access, w.user.config.Paths, found, got)
	}
	if len(got) > len(entries) {
		w.t.Errorf("%s has %q, want %v", name, got, entries)
	}
}

// kept is what the user may not change: all of what may be read at the most,
// and what there is in drop boxes.
func (w *world) kept() map[string]string {
	all := w.snapshot(w.home)
	maps.DeleteFunc(all, func(name, _ string) bool { return w.access(name) == config.AccessReadWrite || name == "/" })
	for name := range all {
		if w.user.made(w.tree, name) {
			delete(all, name)
		}
	}
	return all
}

// made reports whether the user has made a file in this session.
func (u *User) made(tree storage.FS, name string) bool {
	m := &tree.(*restricted).made
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.files[name]
	return ok
}

// snapshot describes what there is in a folder.
func (w *world) snapshot(dir string) map[string]string {
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		what := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			what += string(b)
		case info.Mode().Type() == fs.ModeSymlink:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			what += target
		}
		all["/"+strings.Trim(strings.TrimPrefix(p, dir), "/")] = what
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// access is what the rules say of a real name: the oracle's opinion.
func (w *world) access(found string) config.Access {
	access, deepest := w.user.config.Access, -1
	for _, rule := range w.user.config.Paths {
		places := []string{rule.Path}
		if leads, ok := w.resolve(rule.Path, 0); ok {
			places = append(places, leads)
		}
		for _, place := range places {
			depth := len(slices.DeleteFunc(strings.Split(place, "/"), func(s string) bool { return s == "" }))
			switch {
			case found != place && !strings.HasPrefix(found, strings.TrimRight(place, "/")+"/"):
			case depth > deepest:
				access, deepest = rule.Access, depth
			case depth == deepest && access != rule.Access && access == config.AccessReadWrite:
				access = rule.Access
			case depth == deepest && access != rule.Access && rule.Access != config.AccessReadWrite:
				access = config.AccessNone
			}
		}
	}
	return access
}

// resolve follows a name on the disk, as text: the oracle's way. The last part
// may be missing.
func (w *world) resolve(name string, links int) (string, bool) {
	done, rest, given := "", name, len(name)
	for rest != "" {
		if info, err := os.Lstat(w.home + done); err != nil || !info.IsDir() {
			return "", false
		}
		part, after, more := strings.Cut(rest, "/")
		last := strings.Trim(after, "/") == ""
		next := done + "/" + part
		info, err := os.Lstat(w.home + next)
		switch {
		case part == "" || part == ".":
		case part == "..":
			if done == "" && len(rest) > given {
				return "", false // a link leads out
			}
			done = strings.TrimSuffix(path.Dir("/"+strings.TrimPrefix(done, "/")), "/")
		case err == nil && info.Mode().Type() == fs.ModeSymlink:
			if links++; links > 40 {
				return "", false
			}
			target, _ := os.Readlink(w.home + next)
			if inside, ok := strings.CutPrefix(target, w.home); ok && (inside == "" || inside[0] == '/') {
				target = "/" + inside
			}
			if path.IsAbs(target) {
				done = ""
			}
			given = min(given, len(after))
			if more {
				target += "/" + after
			}
			rest = target
			continue
		case err != nil && !last, err == nil && !info.IsDir() && more:
			return "", false
		default:
			done = next
		}
		rest = after
	}
	return path.Clean("/" + done), true
}
