package bucket

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
	"github.com/fileserver-dev/fileserver-operator/test/objectstore"
)

func TestFoldersAreMarkersAsOthersMakeThem(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.must(r.Mkdir("/a", 0o777))
	r.is(r.Mkdir("/a", 0o777), fs.ErrExist)
	if _, ok := r.store.Get("ftp/alice/a/"); !ok {
		t.Errorf("keys: %q", r.store.Keys())
	}
	r.put("/a/f", []byte("x"))
	r.is(r.Mkdir("/a/f", 0o777), fs.ErrExist)
	r.is(r.RemoveDir("/a"), syscall.ENOTEMPTY)
	r.is(r.Remove("/a"), syscall.EISDIR)
	r.is(r.RemoveDir("/a/f"), syscall.ENOTDIR)
	r.must(r.Remove("/a/f"))
	r.is(r.Remove("/a/f"), fs.ErrNotExist)
	r.must(r.RemoveDir("/a"))
	r.is(r.RemoveDir("/a"), fs.ErrNotExist)
	r.missing("/a")
	_, err := r.OpenFile("/a/", os.O_WRONLY|os.O_CREATE, 0)
	r.is(err, syscall.EISDIR)
	if i, err := r.Stat("/"); err != nil || !i.IsDir() {
		t.Errorf("the top: %v, %v", i, err)
	}
}

func TestListingsShowEachNameOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, key := range []string{"a", "a-b", "a/x", "a.b/y", "b/", "b/z", "c//d", "./e", "../f", "sp ace+%", "\x01", "ü", ".upload.0123456789/x"} {
		r.store.Put("ftp/alice/"+key, []byte("x"))
	}
	r.store.Put("ftp/bob/secret", nil)
	want := []string{"\x01", "a", "a-b", "a.b/", "b/", "c/", "sp ace+%", "ü"}
	if got := r.list("/"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := r.list("/c"); len(got) != 0 {
		t.Errorf("what has an empty part is listed: %q", got)
	}
	r.holds("/a", []byte("x"))
	r.holds("/a/x", []byte("x"))
	r.holds("/sp ace+%", []byte("x"))
	for name, want := range map[string]error{"/none": fs.ErrNotExist, "/ü": syscall.ENOTDIR} {
		for _, err := range r.List(name) {
			r.is(err, want)
		}
	}
}

func TestAFolderIsListedPageByPageAndInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 2500 {
		r.store.Put(fmt.Sprintf("ftp/alice/many/f%05d", i), nil)
	}
	r.store.Calls()
	n := 0
	for i, err := range r.List("/many") {
		r.must(err)
		if want := fmt.Sprintf("f%05d", n); i.Name() != want {
			t.Fatalf("%q, want %q", i.Name(), want)
		}
		if n++; n == 1000 && r.store.Calls()["ListObjectsV2"] != 1 {
			t.Error("pages are read before they are asked for")
		}
	}
	if n != 2500 {
		t.Errorf("%d entries", n)
	}
}

func TestNamesThatAreNoKeysAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, want := range map[string]error{
		"":                              fs.ErrInvalid,
		"/nul\x00":                      fs.ErrInvalid,
		"/\xff":                         syscall.EILSEQ,
		"/" + strings.Repeat("k", 1024): syscall.ENAMETOOLONG,
		"/.upload.0123456789.f":         fs.ErrPermission,
		"/.UPLOAD.0123456789/x":         fs.ErrPermission,
	} {
		_, err := r.OpenFile(name, stor, 0)
		r.is(err, want)
	}
	long := "/" + strings.Repeat("k", maxKey-1-len("ftp/alice/"))
	r.put(long, []byte("x"))
	r.holds(long, []byte("x"))
	r.cut(long+"/../"+long[1:len(long)-1], []byte("half"))
	if got := r.size(long[:len(long)-1]); got != 4 {
		t.Errorf("an upload with a long name has %d bytes", got)
	}
	r.put("/a/./b/../f", []byte("y"))
	r.holds("/a/f", []byte("y"))
	r.put("/../../f", []byte("z"))
	if _, ok := r.store.Get("ftp/alice/f"); !ok {
		t.Errorf("a name leads out: %q", r.store.Keys())
	}
}

func TestRenamingCopiesAndRemoves(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	when := time.Unix(1_500_000_000, 500_000_000)
	r.put("/f", []byte("one"))
	r.must(r.Chtimes("/f", time.Time{}, when))
	r.must(r.Rename("/f", "/sub/g"))
	r.missing("/f")
	if i, err := r.Stat("/sub/g"); err != nil || !i.ModTime().Equal(when) {
		t.Errorf("the time is lost: %v, %v", i, err)
	}
	r.put("/h", []byte("two"))
	r.is(r.RenameNew("/h", "/sub/g"), fs.ErrExist)
	r.is(r.Rename("/h", "/sub"), syscall.EISDIR)
	r.is(r.Rename("/sub", "/h"), syscall.ENOTDIR)
	r.is(r.Rename("/sub", "/sub/below"), syscall.EINVAL)
	r.is(r.Rename("/none", "/x"), fs.ErrNotExist)
	r.must(r.Rename("/h", "/sub/g"))
	r.holds("/sub/g", []byte("two"))
	r.must(r.Rename("/sub/g", "/sub/g"))
	r.holds("/sub/g", []byte("two"))
}

func TestAFolderIsRenamedWithAllThatIsInIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.must(r.Mkdir("/d", 0o777))
	for i := range 40 {
		r.put(fmt.Sprintf("/d/%d/f", i), []byte{byte(i)})
	}
	r.must(r.Mkdir("/to", 0o777))
	r.must(r.Rename("/d", "/to"))
	r.missing("/d")
	for i := range 40 {
		r.holds(fmt.Sprintf("/to/%d/f", i), []byte{byte(i)})
	}
	r.must(r.Mkdir("/d", 0o777))
	r.is(r.Rename("/d", "/to"), syscall.ENOTEMPTY)
	// If a copy fails, all is as it was.
	before := r.store.Keys()
	r.store.Fail(func(_ int, call, key string) objectstore.Fault {
		if call == "CopyObject" && strings.HasSuffix(key, "/20/f") {
			return objectstore.Denied
		}
		return objectstore.None
	})
	r.is(r.Rename("/to", "/other"), fs.ErrPermission)
	if after := r.store.Keys(); !slices.Equal(before, after) {
		t.Errorf("%q, was %q", after, before)
	}
}

func TestWhatABucketCannotDoIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.put("/f", nil)
	for what, err := range map[string]error{
		"link": r.Link("/f", "/g"), "symlink": r.Symlink("f", "/g"), "chown": r.Chown("/f", 1, 1),
		"chmod": r.Chmod("/f", 0o600), "times of a folder": r.Chtimes("/", time.Time{}, time.Now()),
	} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", what, err)
		}
	}
	r.must(r.Chmod("/f", fileMode))
	_, err := r.Readlink("/f")
	r.is(err, syscall.EINVAL)
}

func TestTheIdentityOfAFileIsThatOfItsUpload(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	f := r.open("/d/f", stor)
	id, ok := storage.FileID(f)
	_, err := f.Write([]byte("x"))
	r.must(err)
	r.must(f.Close())
	place, err := r.Resolve("/d/f", true)
	r.must(err)
	i, err := r.Stat("/d/f")
	r.must(err)
	if !ok || place.ID() != id || !id.Is(i) || len(place.IDs) != 3 {
		t.Errorf("%v, and %v", id, place)
	}
	r.must(r.Rename("/d/f", "/d/g"))
	if place, _ := r.Resolve("/d/g", true); place.ID() != id {
		t.Error("it is another after a rename")
	}
	r.put("/d/g", []byte("y"))
	if place, _ := r.Resolve("/d/g", true); place.ID() == id {
		t.Error("another file has its identity")
	}
	if place, err := r.Resolve("/d/none", true); err != nil || place.Exists() {
		t.Errorf("what is missing: %v, %v", place, err)
	}
}
