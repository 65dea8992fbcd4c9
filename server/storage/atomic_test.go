package storage

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// alice is whose uploads they are in tests.
var alice = Uploads{User: "alice"}

const uploading = os.O_WRONLY | os.O_CREATE | os.O_TRUNC

var errCut = errors.New("the client went away")

// begin opens an upload and writes half of it.
func begin(t *testing.T, f FS, name string, flag int) *upload {
	t.Helper()
	file, err := f.OpenFile(name, flag, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	u, ok := file.(*upload)
	if !ok {
		t.Fatalf("%s is written in place", name)
	}
	if _, err := u.WriteAt([]byte("half"), 0); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestAnUploadIsHiddenUntilItIsComplete(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	a := Atomic(l, alice)
	u := begin(t, a, "/file", uploading)
	if _, err := l.Stat("/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("who looks at the volume finds half a file: %v", err)
	}
	if got := list(t, a, "/"); len(got) != 0 {
		t.Errorf("a listing has %v", got)
	}
	if info, err := a.Stat("/file"); err != nil || info.Size() != 4 || info.Name() != "file" {
		t.Errorf("its client is told %v, %v; to continue, it must know the size", info, err)
	}
	if u.OSFile() == nil {
		t.Error("the kernel cannot move bytes to it")
	}
	when := time.Unix(1_000_000_000, 0)
	if err := errors.Join(a.Chtimes("/file", when, when), a.Chmod("/file", 0o600), u.Close()); err != nil {
		t.Fatal(err)
	}
	info, err := l.Stat("/file")
	if err != nil || info.Size() != 4 || !info.ModTime().Equal(when) || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
	if got := list(t, l, "/"); !cmp.Equal(got, []string{"file"}) {
		t.Errorf("the volume has %v", got)
	}
}

func TestAnUploadThatReplacesAFileDoesSoAtItsEnd(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	a := Atomic(l, alice)
	write(t, l, "/file", "before")
	if err := l.Chmod("/file", 0o604); err != nil {
		t.Fatal(err)
	}
	u := begin(t, a, "/file", uploading)
	when := time.Unix(1_000_000_000, 0)
	if err := a.Chtimes("/file", when, when); err != nil {
		t.Fatal(err)
	}
	if s, err := read(Atomic(l, alice), "/file"); s != "before" || err != nil {
		t.Errorf("meanwhile, another session: got %q, %v", s, err)
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := read(a, "/file"); s != "half" || err != nil {
		t.Errorf("in the end: got %q, %v", s, err)
	}
	if info, err := l.Stat("/file"); err != nil || info.Mode().Perm() != 0o604 || !info.ModTime().Equal(when) {
		t.Errorf("got %v, %v; the mode is that of the file that was replaced, the times those that were set", info, err)
	}
}

func TestAnUploadThatWasCutIsContinued(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	if err := begin(t, Atomic(l, alice), "/file", uploading).CloseWithError(errCut); err != nil {
		t.Fatal(err)
	}
	a := Atomic(l, alice) // another session
	if _, err := l.Stat("/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a file is there: %v", err)
	}
	f, err := a.OpenFile("/file", os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(" and half"), 4); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := read(l, "/file"); s != "half and half" || err != nil {
		t.Errorf("got %q, %v", s, err)
	}
}

func TestAnUploadThatWasCutIsGivenUp(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	a := Atomic(l, alice)
	if err := l.Mkdir("/dir", 0o755); err != nil {
		t.Fatal(err)
	}
	cut := func(name string) {
		if err := begin(t, a, name, uploading).CloseWithError(errCut); err != nil {
			t.Fatal(err)
		}
	}
	cut("/file")
	if err := a.Remove("/file"); err != nil {
		t.Errorf("removing it: %v", err)
	}
	cut("/file")
	if s, err := read(a, "/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading it: got %q, %v", s, err)
	}
	u := begin(t, a, "/file", uploading)
	if _, err := u.WriteAt([]byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	if err := u.Close(); err != nil {
		t.Errorf("beginning anew: %v", err)
	}
	cut("/dir/file")
	u = begin(t, a, "/dir/other", uploading)
	if err := a.RemoveDir("/dir"); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("removing its folder, with one that goes on: got %v, want EBUSY", err)
	}
	if err := u.CloseWithError(errCut); err != nil {
		t.Fatal(err)
	}
	if err := a.RemoveDir("/dir"); err != nil {
		t.Errorf("removing its folder: %v", err)
	}
	f, err := a.OpenFile("/empty", uploading, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.(*upload).CloseWithError(errCut); err != nil {
		t.Fatal(err)
	}
	if got := list(t, l, "/"); !cmp.Equal(got, []string{"file"}) {
		t.Errorf("the volume has %v", got)
	}
}

func TestTwoUploadsToOneNameDoNotMix(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	u := begin(t, Atomic(l, alice), "/file", uploading)
	if _, err := Atomic(l, alice).OpenFile("/file", uploading, 0o640); !errors.Is(err, syscall.EBUSY) {
		t.Fatalf("the second: got %v, want EBUSY", err)
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := read(l, "/file"); s != "half" || err != nil {
		t.Errorf("got %q, %v; the second must not have touched it", s, err)
	}
	if err := begin(t, Atomic(l, alice), "/file", uploading).Close(); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func TestAnExclusiveUploadReplacesNothing(t *testing.T) {
	t.Parallel()
	l, root := open(t)
	a := Atomic(l, alice)
	u := begin(t, a, "/file", os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	write(t, l, "/file", "quicker")
	err := u.Close()
	if !errors.Is(err, fs.ErrExist) || strings.Contains(err.Error(), root) || strings.Contains(err.Error(), ".upload.") {
		t.Errorf("got %v, want that the file exists", err)
	}
	if _, err := a.OpenFile("/file", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that exists: got %v", err)
	}
	if s, err := read(l, "/file"); s != "quicker" || err != nil {
		t.Errorf("got %q, %v", s, err)
	}
}

func TestWhatChangesAFileIsWrittenInPlace(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	a := Atomic(l, alice)
	write(t, l, "/file", "before")
	if err := errors.Join(l.Symlink("file", "/link"), l.Mkdir("/dir", 0o755)); err != nil {
		t.Fatal(err)
	}
	f, err := a.OpenFile("/file", os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "after"); err != nil {
		t.Fatal(err)
	}
	if s, _ := read(l, "/file"); !strings.HasPrefix(s, "after") {
		t.Errorf("got %q before it is closed", s)
	}
	f.Close()
	u := begin(t, a, "/link", uploading)
	if s, _ := read(l, "/file"); !strings.HasPrefix(s, "after") {
		t.Errorf("through a link: got %q before it is closed", s)
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	if s, _ := read(l, "/file"); s != "half" {
		t.Errorf("through a link: got %q", s)
	}
	if info, err := l.Lstat("/link"); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is replaced: %v, %v", info, err)
	}
	if _, err := a.OpenFile("/dir", uploading, 0o640); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("a folder: got %v", err)
	}
	if _, err := a.OpenFile("/missing/file", uploading, 0o640); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), ".upload.") {
		t.Errorf("a folder that is missing: got %v", err)
	}
}

func TestAVeryLongNameIsUploaded(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	name := "/" + strings.Repeat("n", maxName)
	if err := begin(t, Atomic(l, alice), name, uploading).Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := read(l, name); s != "half" || err != nil {
		t.Errorf("got %q, %v", s, err)
	}
}
