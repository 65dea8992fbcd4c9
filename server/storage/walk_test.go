package storage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// trees are the same tree, walked by the kernel and by ourselves.
func trees(t *testing.T) map[string]*Local {
	t.Helper()
	with, _ := open(t)
	without, _ := open(t)
	without.openat2 = false
	return map[string]*Local{"by the kernel": with, "part by part": without}
}

// host is the path of a name on the host.
func (l *Local) host(name string) string { return filepath.Join(l.paths[0], name) }

func link(t *testing.T, l *Local, target, name string) {
	t.Helper()
	if err := os.Symlink(target, l.host(name)); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, l FS, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := l.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNamesAreResolvedPartByPart(t *testing.T) {
	t.Parallel()
	for how, l := range trees(t) {
		mkdir(t, l, "/d", "/d/e")
		write(t, l, "/f", "f")
		write(t, l, "/g", "top g")
		write(t, l, "/d/g", "d's g")
		link(t, l, "d/e", "/le")
		link(t, l, "f", "/lf")
		link(t, l, "none", "/dangling")
		for name, want := range map[string]any{
			"/f": "f", "//f": "f", "/./f": "f", "f": "f", "/../f": "f", "/../../f": "f", "/d/../f": "f", "/d//e/../../f": "f",
			"/lf": "f", "/le/../g": "d's g", "/le/../../g": "top g", "/d/e/../g": "d's g", "/le/../../le/../g": "d's g",
			"/f/": syscall.ENOTDIR, "/f/.": syscall.ENOTDIR, "/lf/": syscall.ENOTDIR, "/f/../f": syscall.ENOTDIR,
			"/none/../f": syscall.ENOENT, "/dangling": syscall.ENOENT, "/dangling/../f": syscall.ENOENT, "/new/": syscall.ENOENT,
			"/d": syscall.EISDIR, "/le": syscall.EISDIR, "/le/": syscall.EISDIR, "/": syscall.EISDIR, "/d/..": syscall.EISDIR,
			"/" + strings.Repeat("x", 256):       syscall.ENAMETOOLONG,
			strings.Repeat("/.", maxPath) + "/f": syscall.ENAMETOOLONG,
		} {
			got, err := read(l, name)
			if content, ok := want.(string); ok && (got != content || err != nil) {
				t.Errorf("%s: %.20s holds %q, %v; want %q", how, name, got, err, content)
			} else if number, ok := want.(syscall.Errno); ok && !errors.Is(err, number) {
				t.Errorf("%s: reading %.20s: got %v, want %v", how, name, err, number)
			}
		}
	}
}

func TestASlashAtTheEndMeansAFolder(t *testing.T) {
	t.Parallel()
	for how, l := range trees(t) {
		mkdir(t, l, "/d", "/d/e")
		write(t, l, "/f", "f")
		link(t, l, "d/e", "/le")
		_, createErr := l.OpenFile("/new/", os.O_WRONLY|os.O_CREATE, 0o600)
		_, readlinkErr := l.Readlink("/le/")
		for what, tc := range map[string]struct{ got, want error }{
			"removing a file":             {l.Remove("/f/"), syscall.ENOTDIR},
			"removing a link to a folder": {l.RemoveDir("/le/"), syscall.ENOTDIR},
			"moving a link to a folder":   {l.Rename("/le/", "/x"), syscall.ENOTDIR},
			"moving a file":               {l.Rename("/f", "/x/"), syscall.ENOTDIR},
			"moving a file, its slash":    {l.RenameNew("/f/", "/x"), syscall.ENOTDIR},
			"making a file":               {createErr, syscall.EISDIR},
			"making a link":               {l.Symlink("f", "/x/"), syscall.ENOENT},
			"making a hard link":          {l.Link("/f", "/x/"), syscall.ENOENT},
			"reading a link":              {readlinkErr, syscall.ENOTDIR},
			"making a folder":             {l.Mkdir("/made/", 0o755), nil},
			"moving a folder":             {l.Rename("/made/", "/moved/"), nil},
			"removing a folder":           {l.RemoveDir("/moved/"), nil},
		} {
			if !errors.Is(tc.got, tc.want) {
				t.Errorf("%s: %s: got %v, want %v", how, what, tc.got, tc.want)
			}
		}
		if info, err := l.Lstat("/le/"); err != nil || !info.IsDir() {
			t.Errorf("%s: /le/ is %v, %v; want the folder", how, info, err)
		}
		if got := list(t, l, "/"); !slices.Equal(got, []string{"d", "f", "le"}) {
			t.Errorf("%s: left is %q", how, got)
		}
	}
}

func TestWhatIsBehindALinkIsChangedWhereItIs(t *testing.T) {
	t.Parallel()
	for how, l := range trees(t) {
		mkdir(t, l, "/d", "/d/e")
		write(t, l, "/g", "top g")
		write(t, l, "/d/g", "d's g")
		link(t, l, "d/e", "/le")
		if err := l.Remove("/le/../g"); err != nil {
			t.Errorf("%s: %v", how, err)
		}
		if got, _ := read(l, "/g"); got != "top g" {
			t.Errorf("%s: removing /le/../g removed /g", how)
		}
		if _, err := l.Lstat("/d/g"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: /d/g: %v", how, err)
		}
		for _, err := range []error{l.Remove("/d/e/.."), l.RemoveDir("/d/."), l.Rename("/d/e/..", "/x"), l.Remove("/"), l.Rename("/d", "/")} {
			if err == nil {
				t.Errorf("%s: something without a name of its own was removed or moved", how)
			}
		}
	}
}

func TestAbsoluteLinksLeadFromTheTop(t *testing.T) {
	t.Parallel()
	for how, l := range trees(t) {
		mkdir(t, l, "/d", "/d/e")
		write(t, l, "/d/f", "found")
		link(t, l, "/d/f", "/d/e/file")
		link(t, l, "/d", "/folder")
		link(t, l, l.host("/d/f"), "/of-the-host")
		link(t, l, l.host("/"), "/home")
		link(t, l, "/", "/top")
		link(t, l, "/d/e/file", "/chain")
		for _, name := range []string{"/d/e/file", "/folder/f", "/of-the-host", "/home/d/f", "/top/d/f", "/chain", "/folder/e/../f"} {
			if got, err := read(l, name); got != "found" || err != nil {
				t.Errorf("%s: %s holds %q, %v", how, name, got, err)
			}
		}
		if got := list(t, l, "/folder"); !slices.Equal(got, []string{"e", "f"}) {
			t.Errorf("%s: /folder has %q", how, got)
		}
		link(t, l, "/d/made", "/making")
		write(t, l, "/making", "made")
		if got, _ := read(l, "/d/made"); got != "made" {
			t.Errorf("%s: a file that was made through an absolute link holds %q", how, got)
		}
	}
}

func TestALinkThatLeadsOutIsNoFailureOfTheServer(t *testing.T) {
	t.Parallel()
	for how, l := range trees(t) {
		mkdir(t, l, "/d")
		links := map[string]string{
			"/up": "..", "/up2": "../..", "/secret": "../secret", "/d/secret": "../../secret", "/etc": "/etc/passwd",
			"/host": filepath.Dir(l.host("/")) + "/secret", "/proc": "/proc/self/root/etc/passwd", "/near": l.host("/") + "2/secret",
			"/self": "self", "/one": "two", "/two": "one",
		}
		for name, target := range links {
			link(t, l, target, name)
		}
		for name := range links {
			for _, name := range []string{name, name + "/.", name + "/secret"} {
				_, statErr := l.Stat(name)
				_, readErr := read(l, name)
				_, makeErr := l.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
				for _, err := range []error{statErr, readErr, makeErr, l.Mkdir(name+"/x", 0o755), l.Chmod(name, 0o777)} {
					if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.ELOOP) {
						t.Errorf("%s: %s -> %s: got %v", how, name, links[name], err)
					}
				}
			}
		}
		if content, _ := os.ReadFile(filepath.Join(filepath.Dir(l.host("/")), "secret")); string(content) != "secret" {
			t.Errorf("%s: what is outside was changed to %q", how, content)
		}
	}
}

func TestAWalkTellsTheRealName(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	mkdir(t, l, "/d", "/d/e")
	write(t, l, "/d/f", "")
	link(t, l, "/d/e", "/le")
	link(t, l, "le/../f", "/lf")
	for name, want := range map[string]string{
		"/": "/", "": "/", "/.": "/", "/le": "/d/e", "/le/..": "/d", "/lf": "/d/f", "/le/new": "/d/e/new", "/d//e/": "/d/e", "/new": "/new", "/new/": "/new",
	} {
		if got, err := l.Realpath(name); got != want || err != nil {
			t.Errorf("%s is %q, %v; want %s", name, got, err, want)
		}
	}
	for _, name := range []string{"/none/x", "/d/f/x", "/none/.."} {
		if got, err := l.Realpath(name); err == nil {
			t.Errorf("%s is %q", name, got)
		}
	}
	place, err := l.Resolve("/lf", true)
	var passed []string
	for _, p := range place.Passed {
		passed = append(passed, p.Name)
		if !p.Exists() {
			t.Errorf("what was passed has no identity: %+v", p)
		}
	}
	if err != nil || !slices.Equal(passed, []string{"/lf", "/le", "/d/e"}) || len(place.IDs) != 3 {
		t.Errorf("got %+v, %v", place, err)
	}
	other, _ := l.Resolve("/d/f", true)
	parent := place.Parent()
	if place.ID() != other.ID() || place.ID() == (ID{}) || parent.ID() == place.ID() {
		t.Errorf("one file has the identities %v and %v", place.ID(), other.ID())
	}
	if place, err := l.Resolve("/lf", false); err != nil || place.Name != "/lf" || len(place.Passed) != 0 {
		t.Errorf("the link itself: got %+v, %v", place, err)
	}
}

func TestRealNamesGoThroughNoLink(t *testing.T) {
	t.Parallel()
	for how, l := range trees(t) {
		mkdir(t, l, "/d")
		write(t, l, "/d/f", "f")
		link(t, l, "d", "/ld")
		link(t, l, "d/f", "/lf")
		strict := l.NoLinks()
		_, listErr := func() (fs.FileInfo, error) {
			for _, err := range strict.List("/ld") {
				return nil, err
			}
			return nil, nil
		}()
		_, readErr := read(strict, "/lf")
		_, throughErr := read(strict, "/ld/f")
		_, makeErr := strict.OpenFile("/ld/new", os.O_WRONLY|os.O_CREATE, 0o600)
		_, statErr := strict.Stat("/lf")
		for what, err := range map[string]error{
			"list": listErr, "read": readErr, "read through": throughErr, "make": makeErr, "stat": statErr, "mkdir": strict.Mkdir("/ld/x", 0o755),
			"remove": strict.Remove("/ld/f"), "rename": strict.Rename("/ld/f", "/x"), "rename to": strict.Rename("/d/f", "/ld/x"), "chmod": strict.Chmod("/lf", 0),
		} {
			if !errors.Is(err, syscall.ELOOP) && !errors.Is(err, syscall.ENOTDIR) {
				t.Errorf("%s: %s: got %v, want ELOOP", how, what, err)
			}
		}
		if _, err := strict.Lstat("/lf"); err != nil {
			t.Errorf("%s: a link itself: %v", how, err)
		}
		if got, err := read(strict, "/d/f"); got != "f" || err != nil {
			t.Errorf("%s: got %q, %v", how, got, err)
		}
	}
}

func TestAWalkLeavesNothingOpen(t *testing.T) {
	l, _ := open(t)
	l.openat2 = false
	mkdir(t, l, "/a", "/a/b")
	write(t, l, "/a/b/f", "")
	link(t, l, "/a", "/l")
	link(t, l, "out/../..", "/out")
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	before := descriptors()
	for range 50 {
		for _, name := range []string{"/l/b/f", "/l/b/../..", "/l/none/x", "/out/x", "/a/b/f/x", "/l/b/new", "/"} {
			l.Resolve(name, true)
			l.Stat(name)
			read(l, name)
			l.Remove(name + "x")
			for range l.List(name) {
				break
			}
		}
	}
	if after := descriptors(); after > before+20 {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestAClosedTreeOpensNothing(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	write(t, l, "/f", "")
	f, err := l.OpenFile("/f", os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l.Close()
	l.Close()
	if _, err := f.Stat(); err != nil {
		t.Errorf("an open file was closed with its tree: %v", err)
	}
	_, statErr := l.Stat("/f")
	_, resolveErr := l.Resolve("/f", true)
	_, readErr := read(l, "/f")
	for _, err := range []error{statErr, resolveErr, readErr, l.Remove("/f"), l.NoLinks().Remove("/f")} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("got %v, want fs.ErrClosed", err)
		}
	}
}
