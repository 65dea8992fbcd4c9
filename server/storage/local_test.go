package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// open returns the home "alice" below a root that has a secret beside it.
func open(t *testing.T) (*Local, string) {
	t.Helper()
	root := t.TempDir()
	l, err := OpenLocal(root, "alice")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := os.WriteFile(filepath.Join(root, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	return l, root
}

func write(t *testing.T, l FS, name, content string) {
	t.Helper()
	f, err := l.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.WriteString(f, content); err != nil {
		t.Fatal(err)
	}
}

func read(l FS, name string) (string, error) {
	f, err := l.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

func list(t *testing.T, l FS, name string) []string {
	t.Helper()
	var names []string
	for info, err := range l.List(name) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name())
	}
	slices.Sort(names)
	return names
}

func TestNoPathLeadsOutOfTheHome(t *testing.T) {
	l, root := open(t)
	if err := os.Symlink("../secret", filepath.Join(root, "alice", "relative")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "secret"), filepath.Join(root, "alice", "absolute")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..", filepath.Join(root, "alice", "up")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../secret", "/../secret", "/x/../../secret", "/relative", "/absolute", "/up/secret"} {
		if content, err := read(l, name); err == nil {
			t.Errorf("%s leads out of the home: it reads %q", name, content)
		} else if strings.Contains(err.Error(), root) {
			t.Errorf("%s: the error holds a path of the host: %v", name, err)
		}
	}
	if err := l.Rename("/relative", "/moved"); err != nil {
		t.Errorf("a link that leads out can not be moved: %v", err)
	}
	if err := l.Remove("/absolute"); err != nil {
		t.Errorf("a link that leads out can not be removed: %v", err)
	}
}

func TestErrorsNameTheUsersPath(t *testing.T) {
	l, root := open(t)
	for op, err := range map[string]error{
		"stat":     func() error { _, err := l.Stat("/a/b"); return err }(),
		"open":     func() error { _, err := l.OpenFile("/a/b", os.O_RDONLY, 0); return err }(),
		"mkdir":    l.Mkdir("/a/b", 0o755),
		"remove":   l.Remove("/a/b"),
		"rmdir":    l.RemoveDir("/a/b"),
		"rename":   l.Rename("/a/b", "/c"),
		"link":     l.Link("/a/b", "/c"),
		"chmod":    l.Chmod("/a/b", 0o600),
		"chtimes":  l.Chtimes("/a/b", time.Time{}, time.Now()),
		"readlink": func() error { _, err := l.Readlink("/a/b"); return err }(),
		"statfs":   func() error { _, err := l.Space("/a/b"); return err }(),
	} {
		var pe *fs.PathError
		if !errors.As(err, &pe) || pe.Path != "/a/b" || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want one that says that /a/b does not exist", op, err)
		} else if strings.Contains(err.Error(), root) {
			t.Errorf("%s: the error holds a path of the host: %v", op, err)
		}
	}
}

func TestOddNamesSurvive(t *testing.T) {
	l, _ := open(t)
	names := []string{" leading", "trailing ", ".hidden", "star*", "[x]", "ünïcödé", "a\\b", "-rf", "tab\there", "line\nbreak", "return\r", "100%", strings.Repeat("x", 255)}
	for _, name := range names {
		write(t, l, "/"+name, name)
	}
	slices.Sort(names)
	if got := list(t, l, "/"); !slices.Equal(got, names) {
		t.Errorf("got %q, want %q", got, names)
	}
	for _, name := range names {
		if got, err := read(l, "/"+name); got != name || err != nil {
			t.Errorf("%q holds %q, %v", name, got, err)
		}
	}
}

func TestNamesWithNULAreRefused(t *testing.T) {
	l, _ := open(t)
	const name = "/a\x00b"
	if _, err := l.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("%q: got %v, want fs.ErrInvalid", name, err)
	}
	if err := l.Symlink(name, "/link"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("link to %q: got %v, want fs.ErrInvalid", name, err)
	}
}

func TestRenameReplacesAndRenameNewDoesNot(t *testing.T) {
	l, _ := open(t)
	write(t, l, "/a", "a")
	write(t, l, "/b", "b")
	if err := l.RenameNew("/a", "/b"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("RenameNew over a file: got %v, want fs.ErrExist", err)
	}
	if got, _ := read(l, "/b"); got != "b" {
		t.Errorf("/b holds %q after a refused rename", got)
	}
	if err := l.Rename("/a", "/b"); err != nil {
		t.Error(err)
	}
	if got, _ := read(l, "/b"); got != "a" {
		t.Errorf("/b holds %q after a rename over it, want a", got)
	}
	if err := l.RenameNew("/b", "/c"); err != nil {
		t.Error(err)
	}
	if err := l.Rename("/", "/d"); err == nil {
		t.Error("the top of the tree was renamed")
	}
}

func TestFilesAndFoldersAreRemovedEachByItsOwn(t *testing.T) {
	l, _ := open(t)
	write(t, l, "/file", "")
	if err := l.Mkdir("/dir", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, l, "/dir/x", "")
	if err := l.RemoveDir("/file"); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("RemoveDir of a file: %v", err)
	}
	if err := l.Remove("/dir"); err == nil {
		t.Error("Remove removed a folder")
	}
	if err := l.RemoveDir("/dir"); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Errorf("RemoveDir of a full folder: %v", err)
	}
	for _, err := range []error{l.Remove("/dir/x"), l.RemoveDir("/dir"), l.Remove("/file")} {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestAnAbsoluteLinkLeadsFromTheTopOfTheTree(t *testing.T) {
	l, _ := open(t)
	if err := l.Mkdir("/dir", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, l, "/target", "found")
	for _, link := range []string{"/link", "/dir/link"} {
		if err := l.Symlink("/target", link); err != nil {
			t.Fatal(err)
		}
		if got, err := l.Readlink(link); got != "/target" || err != nil {
			t.Errorf("%s leads to %q, %v; want it as it was given", link, got, err)
		}
		if got, err := read(l, link); got != "found" || err != nil {
			t.Errorf("%s holds %q, %v", link, got, err)
		}
	}
}

func TestALargeFolderIsListedWhole(t *testing.T) {
	l, root := open(t)
	const n = 3*listBatch + 7
	for i := range n {
		if err := os.WriteFile(filepath.Join(root, "alice", fmt.Sprintf("f%04d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(list(t, l, "/")); got != n {
		t.Errorf("got %d entries, want %d", got, n)
	}
	first := 0
	for range l.List("/") {
		first++
		break // an abandoned list closes its folder
	}
	if first != 1 {
		t.Error("the list did not stop")
	}
}

func TestAListOfAFileIsAnError(t *testing.T) {
	l, _ := open(t)
	write(t, l, "/file", "")
	for _, err := range l.List("/file") {
		if !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("got %v, want ENOTDIR", err)
		}
	}
}

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	l, root := open(t)
	if err := l.Mkdir("/dir", 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := l.OpenFile("/dir", os.O_RDONLY, 0); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("a folder: got %v, want EISDIR", err)
	}
	if err := syscall.Mkfifo(filepath.Join(root, "alice", "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.OpenFile("/pipe", os.O_RDONLY, 0); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a pipe: got %v, want fs.ErrPermission", err)
	}
}

func TestFilesAreThoseOfTheSystem(t *testing.T) {
	l, _ := open(t)
	write(t, l, "/f", "x")
	f, err := l.OpenFile("/f", os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, ok := f.(*os.File); !ok {
		t.Errorf("a file is a %T; the kernel can move the bytes of an *os.File only", f)
	}
}

func TestTimesModesAndSpace(t *testing.T) {
	l, _ := open(t)
	write(t, l, "/f", "x")
	when := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := l.Chtimes("/f", time.Time{}, when); err != nil {
		t.Fatal(err)
	}
	if err := l.Chmod("/f", 0o604); err != nil {
		t.Fatal(err)
	}
	info, err := l.Stat("/f")
	if err != nil || !info.ModTime().Equal(when) || info.Mode().Perm() != 0o604 {
		t.Errorf("got %v, %v", info, err)
	}
	if s, err := l.Space("/"); err != nil || s.BlockSize == 0 || s.Blocks < s.Free || s.NameMax == 0 {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestAHomeIsMadeAndStaysBelowTheRoot(t *testing.T) {
	root := t.TempDir()
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, "away")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLocal(root, "away/bob"); err == nil {
		t.Error("a home was opened outside of the root")
	}
	l, err := OpenLocal(root, "teams/red/bob")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if info, err := os.Stat(filepath.Join(root, "teams/red/bob")); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("the home is %v, %v; others may not look into it", info, err)
	}
	if _, err := OpenLocal(filepath.Join(root, "missing"), "."); err == nil || strings.Contains(err.Error(), root) {
		t.Errorf("got %v, want an error without the host's path", err)
	}
}
