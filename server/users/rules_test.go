package users

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// put makes a file, past all rules.
func put(t *testing.T, f storage.FS, name, content string) {
	t.Helper()
	file, err := f.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.WriteString(file, content); err != nil {
		t.Fatal(err)
	}
}

func content(f storage.FS, name string) (string, error) {
	file, err := f.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	b, err := io.ReadAll(file)
	return string(b), err
}

// symlink makes a link, past all rules.
func symlink(t *testing.T, f storage.FS, target, name string) {
	t.Helper()
	if err := f.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func withRules(access config.Access, rules ...config.PathRule) *User {
	return &User{config: config.User{Access: access, Paths: rules}}
}

func TestARuleForALinkIsForWhatItLeadsTo(t *testing.T) {
	t.Parallel()
	base := tree(t, "/releases", "/releases/42", "/releases/43", "/vault")
	put(t, base, "/releases/42/app", "good")
	put(t, base, "/vault/f", "secret")
	symlink(t, base, "releases/42", "/current")
	symlink(t, base, "/step", "/private")
	symlink(t, base, "vault", "/step")
	f := withRules(config.AccessReadWrite,
		config.PathRule{Path: "/current", Access: config.AccessReadOnly},
		config.PathRule{Path: "/private", Access: config.AccessNone}).Restrict(base)
	for name, err := range map[string]error{
		"write by the link":              open(f, "/current/app", os.O_WRONLY),
		"write by the folder":            open(f, "/releases/42/app", os.O_WRONLY),
		"make by the link":               open(f, "/current/new", os.O_WRONLY|os.O_CREATE),
		"read by the link":               open(f, "/private/f", os.O_RDONLY),
		"read by the folder":             open(f, "/vault/f", os.O_RDONLY),
		"list":                           list(f, "/vault"),
		"remove the link":                f.Remove("/current"),
		"replace the link":               f.Rename("/file", "/current"),
		"remove a link on the way":       f.Remove("/step"),
		"move a link on the way":         f.Rename("/step", "/other"),
		"move the folder":                f.Rename("/releases/42", "/releases/44"),
		"move the folder that it is in":  f.Rename("/releases", "/old"),
		"make a hard link to what it is": f.Link("/vault/f", "/mine"),
	} {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
	if err := open(f, "/current/app", os.O_RDONLY); err != nil {
		t.Errorf("reading what may be read: %v", err)
	}
	if err := open(f, "/releases/43/new", os.O_WRONLY|os.O_CREATE); err != nil {
		t.Errorf("writing beside it: %v", err)
	}
	// The admin has the link lead to the next release: rules are for that at once.
	if err := errors.Join(base.Remove("/current"), base.Symlink("releases/43", "/current")); err != nil {
		t.Fatal(err)
	}
	if err := open(f, "/releases/43/new", os.O_WRONLY); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the new release: got %v, want a refusal", err)
	}
	if err := open(f, "/releases/42/app", os.O_WRONLY); err != nil {
		t.Errorf("the old release: %v", err)
	}
}

func TestNothingIsPutInTheWayOfARule(t *testing.T) {
	t.Parallel()
	base := tree(t, "/mine", "/mine/confidential")
	put(t, base, "/mine/f", "")
	f := withRules(config.AccessReadWrite,
		config.PathRule{Path: "/partner/confidential", Access: config.AccessNone},
		config.PathRule{Path: "/payroll.csv", Access: config.AccessNone}).Restrict(base)
	for name, err := range map[string]error{
		"a link above it":            f.Symlink("/mine", "/partner"),
		"a link to nothing above it": f.Symlink("nothing", "/partner"),
		"a folder above it":          f.Rename("/mine", "/partner"),
		"a link at its place":        f.Symlink("/mine", "/payroll.csv"),
		"a hard link at its place":   f.Link("/mine/f", "/payroll.csv"),
		"a file at its place":        f.Rename("/mine/f", "/payroll.csv"),
	} {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
	if err := f.Mkdir("/partner", 0o755); err != nil {
		t.Errorf("a folder on the way to it: %v", err)
	}
	if err := f.Mkdir("/partner/confidential", 0o755); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the folder itself: got %v", err)
	}
}

// anyCase is a volume that finds names in any case of letters.
type anyCase struct{ storage.FS }

func (v anyCase) NoLinks() storage.FS { return v }

func (v anyCase) Resolve(name string, follow bool) (storage.Place, error) {
	place, err := v.FS.Resolve(strings.ToLower(name), follow)
	place.Name = strings.TrimRight(name, "/")
	return place, err
}

func (v anyCase) OpenFile(name string, flag int, perm fs.FileMode) (storage.File, error) {
	return v.FS.OpenFile(strings.ToLower(name), flag, perm)
}

func (v anyCase) Rename(oldName, newName string) error {
	return v.FS.Rename(strings.ToLower(oldName), strings.ToLower(newName))
}

func (v anyCase) List(name string) iter.Seq2[fs.FileInfo, error] {
	return v.FS.List(strings.ToLower(name))
}

func TestARuleHoldsInAnyCaseOfLetters(t *testing.T) {
	t.Parallel()
	base := tree(t, "/secret", "/a", "/a/archive")
	put(t, base, "/secret/f", "secret")
	put(t, base, "/a/archive/f", "original")
	put(t, base, "/payroll.csv", "salaries")
	f := withRules(config.AccessReadWrite,
		config.PathRule{Path: "/secret", Access: config.AccessNone},
		config.PathRule{Path: "/a/archive", Access: config.AccessReadOnly},
		config.PathRule{Path: "/payroll.csv", Access: config.AccessNone}).Restrict(anyCase{base})
	for name, err := range map[string]error{
		"read":                  open(f, "/SECRET/F", os.O_RDONLY),
		"list":                  list(f, "/Secret"),
		"read a file":           open(f, "/Payroll.CSV", os.O_RDONLY),
		"write":                 open(f, "/A/Archive/f", os.O_WRONLY),
		"make":                  open(f, "/A/ARCHIVE/new", os.O_WRONLY|os.O_CREATE),
		"move":                  f.Rename("/A/ARCHIVE", "/b"),
		"move what it is in":    f.Rename("/A", "/b"),
		"put something over it": f.Rename("/dir", "/SECRET"),
	} {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
	if err := open(f, "/A/ARCHIVE/F", os.O_RDONLY); err != nil {
		t.Errorf("reading what may be read: %v", err)
	}
}

// TestNoRaceLeadsAroundARule exchanges links and folders while a name is used
// that leads to the forbidden every other time.
func TestNoRaceLeadsAroundARule(t *testing.T) {
	t.Parallel()
	base := tree(t, "/secret", "/archive", "/x", "/x/in")
	put(t, base, "/secret/f", "secret")
	put(t, base, "/archive/f", "original")
	put(t, base, "/x/in/f", "harmless")
	symlink(t, base, "/secret", "/x/to-secret")
	symlink(t, base, "/archive", "/x/to-archive")
	f := withRules(config.AccessReadWrite,
		config.PathRule{Path: "/secret", Access: config.AccessNone},
		config.PathRule{Path: "/archive", Access: config.AccessReadOnly}).Restrict(base)
	var over atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() { // as a user can, or another one in the same home
		for !over.Load() {
			for _, link := range []string{"/x/to-secret", "/x/to-archive"} {
				_ = base.Rename("/x/in", "/x/aside")
				_ = base.Rename(link, "/x/in")
				_ = base.Rename("/x/in", link)
				_ = base.Rename("/x/aside", "/x/in")
			}
		}
	})
	reads, end := 0, time.Now().Add(time.Second)
	for time.Now().Before(end) {
		if got, err := content(f, "/x/in/f"); err == nil {
			if reads++; got == "secret" {
				t.Error("what is forbidden was read")
				break
			}
		}
		if file, err := f.OpenFile("/x/in/f", os.O_WRONLY, 0); err == nil {
			_, _ = io.WriteString(file, "harmless")
			file.Close()
		}
		_ = f.Remove("/x/in/none")
		_ = f.Mkdir("/x/in/made", 0o755)
		_ = f.RemoveDir("/x/in/made")
		for info := range f.List("/x/in") {
			if info == nil {
				break
			}
		}
		_ = f.Chmod("/x/in/f", 0o604)
	}
	over.Store(true)
	wg.Wait()
	if got, _ := content(base, "/archive/f"); got != "original" {
		t.Errorf("what may only be read holds %q", got)
	}
	for _, name := range []string{"/archive/f", "/secret/f"} {
		if info, err := base.Stat(name); err != nil || info.Mode().Perm() == 0o604 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if reads == 0 {
		t.Error("nothing was read at all")
	}
}

func TestHiddenUploadsAreNobodys(t *testing.T) {
	t.Parallel()
	base := tree(t, "/d")
	for _, name := range []string{"/.upload.f", "/d/.Upload.f", "/.ftp-upload.f"} {
		put(t, base, name, "salaries")
	}
	for _, u := range []*User{
		withRules(config.AccessReadWrite), withRules(config.AccessReadOnly), withRules(config.AccessWriteOnly),
		withRules(config.AccessReadWrite, config.PathRule{Path: "/payroll.csv", Access: config.AccessNone}),
	} {
		f := u.Restrict(base)
		for _, name := range []string{"/.upload.f", "/d/.Upload.f", "/.ftp-upload.f", "/.UPLOAD.new", "/d/../.upload.f", "/.upload.f/"} {
			_, statErr := f.Stat(name)
			_, lstatErr := f.Lstat(name)
			_, readErr := content(f, name)
			for op, err := range map[string]error{
				"stat": statErr, "lstat": lstatErr, "read": readErr, "make": open(f, name, os.O_WRONLY|os.O_CREATE), "remove": f.Remove(name),
				"rename": f.Rename(name, "/x"), "rename to": f.RenameNew("/file", name), "link": f.Link(name, "/x"), "mkdir": f.Mkdir(name, 0o755),
				"symlink": f.Symlink(name, "/x"), "symlink at": f.Symlink("x", name), "chmod": f.Chmod(name, 0o777),
			} {
				if !errors.Is(err, fs.ErrPermission) {
					t.Errorf("%s of %s: got %v, want a refusal", op, name, err)
				}
			}
		}
		for info, err := range f.List("/") {
			if err == nil && storage.Reserved(info.Name()) {
				t.Errorf("%s is listed", info.Name())
			}
		}
	}
}
