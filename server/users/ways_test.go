package users

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// hiding is a session's tree as the server has it: with hidden uploads.
func hiding(base storage.FS, user string) storage.FS {
	return storage.Atomic(base, storage.Uploads{User: user})
}

func TestNoWayThroughTheForbiddenTellsWhatIsThere(t *testing.T) {
	t.Parallel()
	base := tree(t, "/secret", "/secret/payroll", "/pub")
	put(t, base, "/pub/f", "public")
	symlink(t, base, "../pub", "/secret/relative")
	symlink(t, base, "/pub", "/secret/absolute")
	f := withRules(config.AccessReadWrite, config.PathRule{Path: "/secret", Access: config.AccessNone}).Restrict(base)
	for _, name := range []string{
		"/secret/../pub/f", "/secret/payroll/../../pub/f", "/secret/missing/../../pub/f", "/secret/relative/f", "/secret/absolute/f", "/secret/absent/f",
	} {
		_, statErr := f.Stat(name)
		_, realErr := f.Realpath(name)
		for what, err := range map[string]error{"stat": statErr, "realpath": realErr, "read": open(f, name, os.O_RDONLY)} {
			if !refused(err) {
				t.Errorf("%s of %s: got %v, want a refusal", what, name, err)
			}
		}
	}
	if err := open(f, "/pub/../pub/f", os.O_RDONLY); err != nil {
		t.Errorf("dots where all may be read: %v", err)
	}
}

func TestARuleIsReachedThroughFoldersThatAreNotDescribed(t *testing.T) {
	t.Parallel()
	base := tree(t, "/store", "/store/42", "/links")
	put(t, base, "/store/42/app", "good")
	symlink(t, base, "../store/42", "/links/current")
	f := withRules(config.AccessNone, config.PathRule{Path: "/links/current", Access: config.AccessReadOnly}).Restrict(base)
	if got, err := content(f, "/links/current/app"); got != "good" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if err := list(f, "/store"); !refused(err) {
		t.Errorf("the folder above it: got %v, want a refusal", err)
	}
}

func TestWhatTheLinkOfARuleLeadsThroughStays(t *testing.T) {
	t.Parallel()
	base := tree(t, "/way", "/releases", "/releases/42")
	put(t, base, "/releases/42/app", "good")
	symlink(t, base, "way/../releases/42", "/current")
	f := withRules(config.AccessReadWrite, config.PathRule{Path: "/current", Access: config.AccessReadOnly}).Restrict(base)
	for what, err := range map[string]error{
		"move":   f.Rename("/way", "/elsewhere"),
		"remove": f.RemoveDir("/way"),
	} {
		if !refused(err) {
			t.Errorf("%s: got %v, want a refusal", what, err)
		}
	}
	if err := open(f, "/releases/42/app", os.O_WRONLY); !refused(err) {
		t.Errorf("got %v: the rule is for nothing any more", err)
	}
}

func TestALinkOnTheWayToARuleIsTheSameInAnyCaseOfLetters(t *testing.T) {
	t.Parallel()
	base := tree(t, "/mine", "/mine/confidential")
	symlink(t, base, "/mine", "/partner")
	f := withRules(config.AccessReadWrite, config.PathRule{Path: "/partner/confidential", Access: config.AccessNone}).Restrict(anyCase{base})
	if err := f.Rename("/PARTNER", "/other"); !refused(err) {
		t.Errorf("got %v, want a refusal", err)
	}
}

func names(f storage.FS, dir string) (names []string) {
	for info, err := range f.List(dir) {
		if err != nil {
			return append(names, err.Error())
		}
		names = append(names, info.Name())
	}
	return names
}

func TestWhatIsNotDescribedIsNotListed(t *testing.T) {
	t.Parallel()
	base := tree(t, "/secret", "/partly", "/partly/in", "/box")
	put(t, base, "/payroll.csv", "salaries")
	put(t, base, "/inbox.csv", "of another")
	if err := base.Link("/payroll.csv", "/copy.csv"); err != nil {
		t.Fatal(err)
	}
	a := newAccount(t, config.AccessReadWrite,
		config.PathRule{Path: "/secret", Access: config.AccessNone},
		config.PathRule{Path: "/payroll.csv", Access: config.AccessNone},
		config.PathRule{Path: "/partly", Access: config.AccessNone},
		config.PathRule{Path: "/partly/in", Access: config.AccessReadOnly},
		config.PathRule{Path: "/box", Access: config.AccessWriteOnly},
		config.PathRule{Path: "/inbox.csv", Access: config.AccessWriteOnly})
	f := a.restrict(base)
	if got := names(f, "/"); !slices.Equal(got, []string{"box", "dir", "file", "partly"}) {
		t.Errorf("got %v", got)
	}
	a.set(config.AccessReadWrite)
	if got := names(f, "/"); len(got) != 8 {
		t.Errorf("without rules: got %v", got)
	}
}

// box is a drop box that two use.
func box(t *testing.T) (base, alice, bob storage.FS) {
	t.Helper()
	base = tree(t)
	u := &User{config: config.User{Access: config.AccessWriteOnly}}
	return base, u.Restrict(hiding(base, "alice")), u.Restrict(hiding(base, "bob"))
}

const dropping = os.O_WRONLY | os.O_CREATE | os.O_TRUNC

func beginFile(t *testing.T, f storage.FS, name, content string) storage.File {
	t.Helper()
	file, err := f.OpenFile(name, dropping, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(file, content); err != nil {
		t.Fatal(err)
	}
	return file
}

func drop(t *testing.T, f storage.FS, name, content string) {
	t.Helper()
	if err := beginFile(t, f, name, content).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestADropBoxDoesNotTellByErrorsWhatIsThere(t *testing.T) {
	t.Parallel()
	_, alice, bob := box(t)
	drop(t, bob, "/theirs", "bob's")
	for _, suffix := range []string{"", "/", "/x", "/.", "/.."} {
		for op, call := range map[string]func(string) error{
			"stat":     func(n string) error { _, err := alice.Stat(n); return err },
			"lstat":    func(n string) error { _, err := alice.Lstat(n); return err },
			"realpath": func(n string) error { _, err := alice.Realpath(n); return err },
			"space":    func(n string) error { _, err := alice.Space(n); return err },
			"read":     func(n string) error { return open(alice, n, os.O_RDONLY) },
			"write":    func(n string) error { return open(alice, n, os.O_WRONLY) },
			"continue": func(n string) error { return open(alice, n, os.O_WRONLY|storage.Upload) },
			"append":   func(n string) error { return open(alice, n, os.O_WRONLY|os.O_APPEND) },
			"remove":   alice.Remove,
			"rmdir":    alice.RemoveDir,
			"chtimes":  func(n string) error { return alice.Chtimes(n, time.Time{}, time.Now()) },
			"mkdir":    func(n string) error { return alice.Mkdir(n+"/x/y", 0o755) },
		} {
			there, missing := call("/theirs"+suffix), call("/absent"+suffix)
			if reason(there) != reason(missing) {
				t.Errorf("%s with %q: %v for what is there, and %v for what is not", op, suffix, there, missing)
			}
		}
	}
}

// reason is what of an error does not depend on the name.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	for _, is := range []error{fs.ErrNotExist, fs.ErrPermission, syscall.ENOTDIR} {
		if errors.Is(err, is) {
			return is
		}
	}
	return err
}

func TestInADropBoxNobodysFileIsReplacedByOneThatWasBegunBefore(t *testing.T) {
	t.Parallel()
	base, alice, bob := box(t)
	drop(t, alice, "/f", "alice's first")
	again := beginFile(t, alice, "/f", "alice's second")
	if err := base.Rename("/f", "/collected"); err != nil { // the owner collects it
		t.Fatal(err)
	}
	drop(t, bob, "/f", "bob's")
	if err := again.Close(); err == nil {
		t.Error("an upload counts as complete that is not")
	}
	if got, err := content(base, "/f"); got != "bob's" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestInADropBoxNobodysFileGoesWithAnotherName(t *testing.T) {
	t.Parallel()
	base, alice, bob := box(t)
	mine := beginFile(t, alice, "/f.part", "alice's")
	drop(t, bob, "/f.part", "bob's")
	err := alice.Rename("/f.part", "/f")
	err = errors.Join(err, mine.Close())
	if got, readErr := content(base, "/f.part"); got != "bob's" || readErr != nil {
		t.Errorf("bob's file: %q, %v (alice's: %v)", got, readErr, err)
	}
}

func TestWhoIsCutWhileRepeatingMayRepeatItAgain(t *testing.T) {
	t.Parallel()
	base, alice, _ := box(t)
	drop(t, alice, "/f", "first")
	for range 2 {
		cut := beginFile(t, alice, "/f", "sec")
		if err := cut.(interface{ CloseWithError(error) error }).CloseWithError(io.ErrUnexpectedEOF); err != nil {
			t.Fatal(err)
		}
	}
	drop(t, alice, "/f", "second")
	if got, err := content(base, "/f"); got != "second" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestARuleForSomethingElseCutsNoUpload(t *testing.T) {
	t.Parallel()
	base := tree(t, "/pub", "/secret")
	put(t, base, "/pub/f", "old")
	secret := config.PathRule{Path: "/secret", Access: config.AccessNone}
	a := newAccount(t, config.AccessReadWrite, secret)
	f := beginFile(t, a.restrict(hiding(base, "alice")), "/pub/f", "new")
	a.set(config.AccessReadWrite, secret, config.PathRule{Path: "/other", Access: config.AccessReadOnly})
	if _, err := io.WriteString(f, "er"); err != nil {
		t.Errorf("going on: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("completing it: %v", err)
	}
	if got, err := content(base, "/pub/f"); got != "newer" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestARuleReachesWhatWasMovedWhileItWasOpen(t *testing.T) {
	t.Parallel()
	base := tree(t, "/mine", "/mine2")
	put(t, base, "/mine2/f", "old")
	a := newAccount(t, config.AccessReadWrite)
	f := a.restrict(hiding(base, "alice"))
	upload := beginFile(t, f, "/mine/f", "forged")
	inPlace, err := f.OpenFile("/mine2/f", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer inPlace.Close()
	if err := errors.Join(f.Rename("/mine", "/archive"), f.Rename("/mine2", "/archive2")); err != nil {
		t.Fatal(err)
	}
	a.set(config.AccessReadWrite, config.PathRule{Path: "/archive", Access: config.AccessReadOnly}, config.PathRule{Path: "/archive2", Access: config.AccessReadOnly})
	if _, err := inPlace.WriteAt([]byte("forged"), 0); !refused(err) {
		t.Errorf("writing a file: got %v, want a refusal", err)
	}
	if err := upload.Close(); !refused(err) {
		t.Errorf("completing an upload: got %v, want a refusal", err)
	}
	if _, err := base.Stat("/archive/f"); err == nil {
		t.Error("the upload is there")
	}
}
