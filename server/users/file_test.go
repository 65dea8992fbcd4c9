package users

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// An account is a user whose permissions change.
type account struct {
	t    *testing.T
	dir  *Directory
	user config.User
}

func newAccount(t *testing.T, access config.Access, rules ...config.PathRule) *account {
	t.Helper()
	a := &account{t: t, user: config.User{Name: "alice", Home: "alice", Access: access, Paths: rules}}
	a.dir = directory(t, config.Sessions{}, a.user)
	return a
}

func (a *account) restrict(f storage.FS) storage.FS { return a.dir.find("alice").Restrict(f) }

func (a *account) set(access config.Access, rules ...config.PathRule) {
	a.t.Helper()
	a.user.Access, a.user.Paths = access, rules
	a.dir.Set([]config.Shard{{Users: []config.User{a.user}}}, config.Sessions{})
}

func refused(err error) bool { return errors.Is(err, fs.ErrPermission) }

func TestAChangeOfPermissionsReachesOpenFiles(t *testing.T) {
	t.Parallel()
	base := tree(t)
	put(t, base, "/file", "before")
	a := newAccount(t, config.AccessReadWrite)
	tree := a.restrict(base)
	f, err := tree.OpenFile("/file", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	guarded := f.(interface {
		Allowed() error
		OSFile() *os.File
		Chmod(fs.FileMode) error
		Chtimes(a, m time.Time) error
	})
	if guarded.OSFile() == nil || guarded.Allowed() != nil {
		t.Error("the kernel may not move the bytes of a file that may be read and written")
	}
	b := make([]byte, 3)
	check := func(what string, mayRead, mayWrite bool) {
		t.Helper()
		_, readErr := f.ReadAt(b, 0)
		_, seqErr := f.Read(b[:0])
		_, writeErr := f.WriteAt([]byte("x"), 0)
		_, nextErr := f.Write(nil)
		for op, err := range map[string]error{"ReadAt": readErr, "Read": seqErr} {
			if refused(err) == mayRead {
				t.Errorf("%s: %s: got %v", what, op, err)
			}
		}
		for op, err := range map[string]error{
			"WriteAt": writeErr, "Write": nextErr, "Truncate": f.Truncate(6), "Chmod": guarded.Chmod(0o600),
			"Chtimes": guarded.Chtimes(time.Time{}, time.Now()), "Allowed": guarded.Allowed(),
		} {
			if refused(err) == mayWrite {
				t.Errorf("%s: %s: got %v", what, op, err)
			}
		}
	}
	check("at first", true, true)
	a.set(config.AccessReadOnly)
	check("ReadOnly", true, false)
	a.set(config.AccessNone)
	check("None", false, false)
	a.set(config.AccessWriteOnly)
	check("WriteOnly", false, false)
	a.set(config.AccessReadWrite, config.PathRule{Path: "/file", Access: config.AccessReadOnly})
	check("a rule for the file", true, false)
	a.set(config.AccessNone, config.PathRule{Path: "/file", Access: config.AccessReadWrite})
	check("a rule that allows", true, true)
	if err := f.Close(); !refused(err) {
		t.Errorf("a file that was refused a write is closed with %v, as if it were whole", err)
	}
}

func TestAChangeOfPermissionsReachesFilesThatWereMoved(t *testing.T) {
	t.Parallel()
	base := tree(t, "/secret", "/open")
	put(t, base, "/secret/f", "secret")
	put(t, base, "/open/f", "other")
	a := newAccount(t, config.AccessReadWrite)
	f, err := a.restrict(base).OpenFile("/secret/f", os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// Another file has the name when the rule comes.
	if err := errors.Join(base.Rename("/secret/f", "/secret/g"), base.Rename("/open/f", "/secret/f")); err != nil {
		t.Fatal(err)
	}
	a.set(config.AccessReadWrite, config.PathRule{Path: "/secret", Access: config.AccessNone})
	if b, err := io.ReadAll(f); !refused(err) {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestAChangeOfPermissionsEndsAListing(t *testing.T) {
	t.Parallel()
	base := tree(t, "/a", "/b", "/c")
	a := newAccount(t, config.AccessReadOnly)
	seen := 0
	var last error
	for _, err := range a.restrict(base).List("/") {
		if last = err; err == nil {
			seen++
		}
		a.set(config.AccessNone)
	}
	if seen != 1 || !refused(last) {
		t.Errorf("%d entries, then %v; want one and a refusal", seen, last)
	}
}

func TestAttributesAreThoseOfTheOpenFile(t *testing.T) {
	t.Parallel()
	base := tree(t)
	put(t, base, "/a", "")
	put(t, base, "/other", "")
	f, err := withRules(config.AccessReadWrite).Restrict(base).OpenFile("/a", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := errors.Join(base.Rename("/a", "/b"), base.Rename("/other", "/a")); err != nil {
		t.Fatal(err)
	}
	g := f.(interface {
		Chmod(fs.FileMode) error
		Chtimes(a, m time.Time) error
	})
	when := time.Unix(1e9, 0)
	if err := errors.Join(g.Chmod(0o604), g.Chtimes(when, when)); err != nil {
		t.Fatal(err)
	}
	b, _ := base.Stat("/b")
	a, _ := base.Stat("/a")
	if b.Mode().Perm() != 0o604 || !b.ModTime().Equal(when) || a.Mode().Perm() == 0o604 || a.ModTime().Equal(when) {
		t.Errorf("the open file has %v %v, that of its former name %v %v", b.Mode(), b.ModTime(), a.Mode(), a.ModTime())
	}
}

func TestADropBoxTakesFilesOfProgramsThatWouldReadThemToo(t *testing.T) {
	t.Parallel()
	base := tree(t)
	f, err := withRules(config.AccessWriteOnly).Restrict(base).OpenFile("/new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("dropped")); err != nil {
		t.Error(err)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); !refused(err) {
		t.Errorf("reading: got %v, want a refusal", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if got, _ := content(base, "/new"); got != "dropped" {
		t.Errorf("the file holds %q", got)
	}
}

func TestADropBoxTellsWhoAsksForANewFileThatThereIsOne(t *testing.T) {
	t.Parallel()
	f := withRules(config.AccessWriteOnly).Restrict(tree(t))
	const anew = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if err := open(f, "/file", anew); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist, for STOU to go on to another name", err)
	}
	if err := open(f, "/file.1", anew); err != nil {
		t.Error(err)
	}
}

func TestAFileWithAReusedNumberIsAnothers(t *testing.T) {
	t.Parallel()
	base := tree(t)
	f := withRules(config.AccessWriteOnly).Restrict(base)
	for range 50 {
		if err := open(f, "/mine", os.O_WRONLY|os.O_CREATE); err != nil {
			t.Fatal(err)
		}
		if err := base.Remove("/mine"); err != nil {
			t.Fatal(err)
		}
		put(t, base, "/mine", "another's") // with the number that has become free
		for op, err := range map[string]error{
			"write": open(f, "/mine", os.O_WRONLY|os.O_CREATE|os.O_TRUNC), "chmod": f.Chmod("/mine", 0o600),
			"stat": func() error { _, err := f.Stat("/mine"); return err }(), "rename": f.Rename("/mine", "/x"),
		} {
			if !refused(err) && !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("%s: got %v, want a refusal", op, err)
			}
		}
		if got, _ := content(base, "/mine"); got != "another's" {
			t.Fatalf("another's file holds %q", got)
		}
		if err := base.Remove("/mine"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADropBoxOfAnyPathIsKnown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		access config.Access
		rule   config.Access
		want   bool
	}{
		{config.AccessWriteOnly, config.AccessReadWrite, true},
		{config.AccessReadWrite, config.AccessWriteOnly, true},
		{config.AccessReadWrite, config.AccessNone, false},
	} {
		if got := withRules(tc.access, config.PathRule{Path: "/a", Access: tc.rule}).HasDropBox(); got != tc.want {
			t.Errorf("%s, and a rule of %s: got %v", tc.access, tc.rule, got)
		}
	}
}
