package sftp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRenameReplacesNothingAndPosixRenameDoes(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("a", "new")
	f.put("b", "old")
	r := f.raw()
	f.noHostPath(r.want(statusFailure, fxpRename, "/a", "/b"))
	if f.content("b") != "old" || f.content("a") != "new" {
		t.Error("RENAME has replaced a file")
	}
	r.want(statusOK, fxpExtended, "posix-rename@openssh.com", "a", "b")
	if f.content("b") != "new" || f.exists("a") {
		t.Error("posix-rename has not replaced the file")
	}
	r.want(statusOK, fxpRename, "b", "c")
	if !f.exists("c") {
		t.Error("RENAME to a free name has done nothing")
	}
}

func TestSymlinkTakesTheTargetFirst(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("dir/file", "x")
	r := f.raw()
	r.want(statusOK, fxpSymlink, "file", "/dir/link")
	if target, err := os.Readlink(filepath.Join(f.dir, "dir/link")); err != nil || target != "file" {
		t.Errorf("the link leads to %q: %v", target, err)
	}
	if got := r.name(fxpReadlink, "/dir/link"); got != "file" {
		t.Errorf("READLINK says %q", got)
	}
	h := r.open("/dir/link", openRead)
	if got := r.read(h, 0, 100); got != "x" {
		t.Errorf("through the link: %q", got)
	}
}

func TestHardlinkMakesASecondName(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("a", "x")
	r := f.raw()
	r.want(statusOK, fxpExtended, "hardlink@openssh.com", "/a", "/b")
	a, _ := os.Stat(filepath.Join(f.dir, "a"))
	b, _ := os.Stat(filepath.Join(f.dir, "b"))
	if !os.SameFile(a, b) {
		t.Error("the names are of different files")
	}
}

func TestNamesAreAbsoluteAndStayInside(t *testing.T) {
	t.Parallel()
	f := serve(t)
	r := f.raw()
	for name, want := range map[string]string{
		"": "/", ".": "/", "/": "/", "a": "/a", "/a/../../b/": "/b", "../../etc": "/etc", "a//b/./c": "/a/b/c",
	} {
		if got := r.name(fxpRealpath, name); got != want {
			t.Errorf("REALPATH of %q is %q", name, got)
		}
	}
	r.want(statusFailure, fxpRealpath, "a\x00b")
	r.want(statusNoSuchFile, fxpLstat, "/../../../../etc/passwd")
}

func TestNamesWithATildeAreExpanded(t *testing.T) {
	t.Parallel()
	f := serve(t)
	r := f.raw()
	for name, want := range map[string]string{"~": "/", "~/x": "/x", "~alice/y": "/y", "z": "/z"} {
		if got := r.name(fxpExtended, "expand-path@openssh.com", name); got != want {
			t.Errorf("%q is expanded to %q", name, got)
		}
	}
	r.want(statusFailure, fxpExtended, "expand-path@openssh.com", "~root/x")
	if got := r.name(fxpExtended, "home-directory", "alice"); got != "/" {
		t.Errorf("home-directory is %q", got)
	}
	r.want(statusFailure, fxpExtended, "home-directory", "root")
}

func TestErrorsAreClearAndHoldNoPathOfTheHost(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("dir/file", "x")
	if err := os.Symlink("loop", filepath.Join(f.dir, "loop")); err != nil {
		t.Fatal(err)
	}
	r := f.raw()
	long := "/" + strings.Repeat("x", 300)
	for _, tc := range []struct {
		what string
		want uint32
		text string
		kind byte
		args []any
	}{
		{"a file that is missing", statusNoSuchFile, "No such file", fxpStat, []any{"/missing"}},
		{"a file that is missing, opened", statusNoSuchFile, "No such file", fxpOpen, []any{"/missing", uint32(openRead), uint32(0)}},
		{"a directory to be removed as a file", statusFailure, "Is a directory", fxpRemove, []any{"/dir"}},
		{"a directory that is not empty", statusFailure, "Directory not empty", fxpRmdir, []any{"/dir"}},
		{"a file to be removed as a directory", statusNoSuchFile, "Not a directory", fxpRmdir, []any{"/dir/file"}},
		{"a directory that exists", statusFailure, "File already exists", fxpMkdir, []any{"/dir", uint32(0)}},
		{"a directory opened as a file", statusFailure, "Is a directory", fxpOpen, []any{"/dir", uint32(openRead), uint32(0)}},
		{"a file below a file", statusNoSuchFile, "Not a directory", fxpStat, []any{"/dir/file/x"}},
		{"a file listed as a directory", statusNoSuchFile, "Not a directory", fxpOpendir, []any{"/dir/file"}},
		{"a link that leads to itself", statusFailure, "Too many symbolic links", fxpStat, []any{"/loop"}},
		{"a name that is too long", statusFailure, "Name too long", fxpMkdir, []any{long, uint32(0)}},
		{"an unknown request", statusUnsupported, "Not supported", 99, nil},
		{"an unknown extension", statusUnsupported, "Not supported", fxpExtended, []any{"x@example.com"}},
		{"an unknown handle", statusFailure, "No such handle", fxpClose, []any{"abcd"}},
		{"a request that is cut short", statusBad, "Malformed request", fxpRename, []any{"/a"}},
		{"an argument that is longer than the packet", statusBad, "Malformed request", fxpStat, []any{uint32(1 << 31)}},
	} {
		code, text := r.status(tc.kind, tc.args...)
		if code != tc.want || text != tc.text {
			t.Errorf("%s: status %d %q, not %d %q", tc.what, code, text, tc.want, tc.text)
		}
		f.noHostPath(text)
	}
}

func TestADirectoryIsListedInParts(t *testing.T) {
	t.Parallel()
	f := serve(t)
	const n = 1000
	want := map[string]bool{}
	for i := range n {
		name := fmt.Sprint("file", i)
		want[name] = true
		f.put("dir/"+name, "")
	}
	infos, err := f.client().ReadDir("dir")
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		if !want[info.Name()] {
			t.Errorf("unexpected or listed twice: %q", info.Name())
		}
		delete(want, info.Name())
	}
	if len(want) > 0 {
		t.Errorf("%d of %d are missing", len(want), n)
	}
}
