package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A fullFS is a tree on a volume that is full.
type fullFS struct{ FS }

type fullFile struct{ File }

func (f fullFS) NoLinks() FS { return fullFS{f.FS.NoLinks()} }

func (f fullFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	return fullFile{file}, err
}

func (fullFile) Write([]byte) (int, error)          { return 0, syscall.ENOSPC }
func (fullFile) WriteAt([]byte, int64) (int, error) { return 0, syscall.ENOSPC }
func (fullFile) Truncate(int64) error               { return syscall.EIO }
func (fullFile) Sync() error                        { return syscall.EIO }

func TestAnUploadOfWhichAWriteFailedIsNotComplete(t *testing.T) {
	t.Parallel()
	for what, fail := range map[string]func(File) error{
		"Write":    func(f File) error { _, err := f.Write([]byte("x")); return err },
		"WriteAt":  func(f File) error { _, err := f.WriteAt([]byte("x"), 7); return err },
		"Truncate": func(f File) error { return f.Truncate(1) },
		"Sync":     func(f File) error { return f.Sync() },
	} {
		l, _ := open(t)
		write(t, l, "/file", "before")
		f, err := Atomic(fullFS{l}, alice).OpenFile("/file", os.O_WRONLY|os.O_CREATE|Upload, 0o640)
		if err != nil {
			t.Fatal(err)
		}
		want := fail(f)
		if err := f.Close(); want == nil || !errors.Is(err, errors.Unwrap(want)) && !errors.Is(err, want) {
			t.Errorf("%s: closing: got %v, want what it said, %v", what, err, want)
		}
		if s, err := read(l, "/file"); s != "before" || err != nil {
			t.Errorf("%s: got %q, %v", what, s, err)
		}
		if got := list(t, l, "/"); !cmp.Equal(got, []string{"file"}) {
			t.Errorf("%s: what cannot be continued is in the way: %v", what, got)
		}
	}
}

func TestUploadsOfTwoUsersToOneNameDoNotMeet(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	a := begin(t, Atomic(l, alice), "/file", uploading)
	b := Atomic(l, Uploads{User: "bob"})
	if _, err := b.Stat("/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("bob is told of what alice uploads: %v", err)
	}
	f, err := b.OpenFile("/file", uploading, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "bob's"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.WriteAt([]byte(" and half"), 4); err != nil {
		t.Fatal(err)
	}
	if s, err := read(l, "/file"); s != "bob's" || err != nil {
		t.Errorf("meanwhile: got %q, %v", s, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := read(l, "/file"); s != "half and half" || err != nil {
		t.Errorf("in the end: got %q, %v", s, err)
	}
}

func TestAnUploadThatItsSessionRemovedPublishesNothing(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	first := Atomic(l, alice)
	u := begin(t, first, "/file", uploading)
	if err := first.Remove("/file"); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Stat("/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there still: %v", err)
	}
	other := begin(t, Atomic(l, alice), "/file", uploading)
	if err := u.Close(); err != nil {
		t.Errorf("closing what was removed: %v", err)
	}
	if s, err := read(l, "/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the other session's half is published: %q, %v", s, err)
	}
	if err := other.Close(); err != nil {
		t.Errorf("the other session: %v", err)
	}
	when := time.Unix(1_000_000_000, 0)
	if err := first.Chtimes("/file", when, when); err != nil {
		t.Errorf("then: %v", err)
	}
}

func TestTheFileThatASessionWritesIsThereForIt(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	if err := l.Mkdir("/dir", 0o755); err != nil {
		t.Fatal(err)
	}
	a := Atomic(l, alice)
	u := begin(t, a, "/dir/file", uploading)
	if s, err := read(a, "/dir/file"); s != "half" || err != nil {
		t.Errorf("reading: got %q, %v", s, err)
	}
	if err := a.Rename("/dir/file", "/dir/other"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Stat("/dir/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old name: %v", err)
	}
	if info, err := a.Stat("/dir/other"); err != nil || info.Size() != 4 || !Incomplete(info) {
		t.Errorf("the new name: %v, %v", info, err)
	}
	if err := a.Rename("/dir", "/moved"); err != nil {
		t.Fatal(err)
	}
	if got := list(t, l, "/moved"); len(got) != 1 || !Reserved(got[0]) {
		t.Errorf("before it is complete: %v", got)
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := read(l, "/moved/other"); s != "half" || err != nil {
		t.Errorf("in the end: got %q, %v", s, err)
	}
}

func TestNamesOfHiddenFilesAreNoNames(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	a := Atomic(l, alice)
	if err := begin(t, a, "/file", uploading).CloseWithError(errCut); err != nil {
		t.Fatal(err)
	}
	hidden := "/" + list(t, l, "/")[0]
	for _, name := range []string{hidden, strings.ToUpper(hidden), "/.ftp-upload.file", "/./" + hidden[1:]} {
		for what, err := range map[string]error{
			"stat":   func() error { _, err := a.Stat(name); return err }(),
			"read":   func() error { _, err := a.OpenFile(name, os.O_RDONLY, 0); return err }(),
			"make":   func() error { _, err := a.OpenFile(name, uploading, 0o600); return err }(),
			"mkdir":  a.Mkdir(name, 0o700),
			"remove": a.Remove(name),
			"rename": a.Rename(name, "/x"),
			"link":   a.Link(name, "/x"),
			"lead":   a.Symlink(name[1:], "/x"),
		} {
			if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s %s: got %v", what, name, err)
			}
		}
	}
}

func TestUploadsThatWereCutTooLongAgoAreRemoved(t *testing.T) {
	t.Parallel()
	keep := func(d time.Duration) Uploads { return Uploads{User: "bob", Keep: func() time.Duration { return d }} }
	for how, look := range map[string]func(FS, time.Duration){
		"by a listing": func(l FS, d time.Duration) {
			for range Atomic(l, keep(d)).List("/dir") {
			}
		},
		"by a sweep": func(l FS, d time.Duration) { Sweep(context.Background(), l, d, 0) },
	} {
		l, _ := open(t)
		if err := l.Mkdir("/dir", 0o755); err != nil {
			t.Fatal(err)
		}
		a := Atomic(l, alice)
		if err := begin(t, a, "/dir/cut", uploading).CloseWithError(errCut); err != nil {
			t.Fatal(err)
		}
		old := time.Unix(1_000_000_000, 0)
		if err := a.Chtimes("/dir/cut", old, old); err != nil { // as clients do before the end
			t.Fatal(err)
		}
		going := begin(t, a, "/dir/going", uploading)
		if look(l, time.Hour); len(list(t, l, "/dir")) != 2 {
			t.Errorf("%s: got %v after no time", how, list(t, l, "/dir"))
		}
		if look(l, time.Nanosecond); len(list(t, l, "/dir")) != 1 {
			t.Errorf("%s: got %v, want what is still written", how, list(t, l, "/dir"))
		}
		if err := going.Close(); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
}

func TestNoAppendIsLost(t *testing.T) {
	t.Parallel()
	const writers, lines = 6, 50
	for how, uploads := range map[string]Uploads{
		"in place": {User: "alice", Hidden: func() bool { return false }}, "hidden": {User: "alice"},
	} {
		l, _ := open(t)
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for n := range lines {
					f, err := Atomic(l, uploads).OpenFile("/log", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
					if err != nil {
						t.Errorf("%s: %v", how, err)
						return
					}
					_, err = fmt.Fprintf(f, "%d %d\n", w, n)
					if err := errors.Join(err, f.Close()); err != nil {
						t.Errorf("%s: %v", how, err)
					}
				}
			})
		}
		all.Wait()
		s, err := read(l, "/log")
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSpace(s), "\n")
		slices.Sort(got)
		if got = slices.Compact(got); len(got) != writers*lines {
			t.Errorf("%s: %d of %d lines are there", how, len(got), writers*lines)
		}
		if left := list(t, l, "/"); len(left) != 1 {
			t.Errorf("%s: left: %v", how, left)
		}
	}
}

func TestWhatWasCutGoesOnAlsoWhereUploadsAreHiddenNoMore(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	write(t, l, "/file", "before")
	if err := begin(t, Atomic(l, alice), "/file", uploading).CloseWithError(errCut); err != nil {
		t.Fatal(err)
	}
	a := Atomic(l, Uploads{User: "alice", Hidden: func() bool { return false }})
	f, err := a.OpenFile("/file", os.O_WRONLY|Upload, 0)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || !Incomplete(info) {
		t.Errorf("got %v, %v", info, err)
	}
	if _, err := f.Seek(2, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "!"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := read(l, "/file"); s != "ha!" || err != nil {
		t.Errorf("got %q, %v; it ends where the client ended", s, err)
	}
}

func TestAFileThatMayNotBeWrittenIsNotReplaced(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may write all")
	}
	l, _ := open(t)
	write(t, l, "/file", "before")
	if err := l.Chmod("/file", 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := Atomic(l, alice).OpenFile("/file", uploading, 0o640); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

// Of a file with several names, one gets what is uploaded, and the others keep
// what they have: a file cannot be whole under two names at the same moment.
func TestAHardLinkKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	write(t, l, "/file", "before")
	if err := l.Link("/file", "/second"); err != nil {
		t.Fatal(err)
	}
	if err := begin(t, Atomic(l, alice), "/file", uploading).Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := read(l, "/second"); s != "before" || err != nil {
		t.Errorf("got %q, %v", s, err)
	}
}

func TestOnlyWhatTheServerHasMadeIsRemoved(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	if err := l.Mkdir("/dir", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/dir/.upload.notes", "/dir/.UPLOAD.0123456789.f", "/dir/.upload\u2024d"} {
		write(t, l, name, "somebody's, from before")
	}
	before := list(t, l, "/dir")
	a := Atomic(l, Uploads{User: "alice", Keep: func() time.Duration { return time.Nanosecond }})
	if got := list(t, a, "/dir"); len(got) > 0 {
		t.Errorf("listed: %v", got)
	}
	if err := begin(t, a, "/dir/cut", uploading).CloseWithError(errCut); err != nil {
		t.Fatal(err)
	}
	Sweep(t.Context(), l, time.Nanosecond, 0)
	if err := a.RemoveDir("/dir"); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Errorf("removing the folder: %v", err)
	}
	if got := list(t, l, "/dir"); !cmp.Equal(got, before) {
		t.Errorf("left: %v, want %v", got, before)
	}
}
