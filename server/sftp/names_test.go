package sftp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
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

// clientNamed is a raw client that calls itself version.
func (f *fixture) clientNamed(version string) *raw {
	f.t.Helper()
	client, err := f.dialConfig(&ssh.ClientConfig{
		User: "alice", Auth: []ssh.AuthMethod{ssh.PublicKeys(f.key)}, ClientVersion: "SSH-2.0-" + version,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return f.rawSession(client)
}

func TestSymlinkHasTheOrderOfTheClient(t *testing.T) {
	t.Parallel()
	f := serve(t)
	for version, draft := range map[string]bool{
		"ssh2js1.17.0": true, "libssh_0.10.6": true, "libssh-0.5.2": true, "AsyncSSH_2.10.1": true, "phpseclib_3.0 (openssl, gmp)": true,
		"WinSCP_release_6.3.3": true, "Ruby/Net::SSH_7.0.1 x86_64-linux-gnu": true, "SSHJ_0.38.0": true, "Twisted_22.4.0": true, "Erlang/4.15.3": true,
		"OpenSSH_9.2p1 Debian-2": false, "libssh2_1.10.0": false, "paramiko_2.12.0": false, "JSCH-0.1.54": false, "Go": false,
		"Renci.SshNet.SshClient.0.0.1": false, "PuTTY_Release_0.78": false, "Cyberduck/8.7.2": false,
	} {
		r := f.clientNamed(version)
		first, second := "the-target", "the-link"
		if draft {
			first, second = second, first
		}
		r.want(statusOK, fxpSymlink, first, second)
		link := filepath.Join(f.dir, "the-link")
		if target, err := os.Readlink(link); err != nil || target != "the-target" {
			t.Errorf("%s: the link leads to %q: %v", version, target, err)
		}
		os.Remove(link)
		os.Remove(filepath.Join(f.dir, "the-target"))
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
	f.put("a/b/file", "")
	for name, want := range map[string]string{
		"": "/", ".": "/", "/": "/", "a": "/a", "/a/../../a/b/": "/a/b", "../../etc": "/etc", "a//b/./c": "/a/b/c", "a/.": "/a",
	} {
		if got := r.name(fxpRealpath, name); got != want {
			t.Errorf("REALPATH of %q is %q", name, got)
		}
	}
	r.want(statusFailure, fxpRealpath, "a\x00b")
	r.want(statusNoSuchFile, fxpLstat, "/../../../../etc/passwd")
}

func TestRealpathFollowsLinks(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("d/e/file", "x")
	for link, target := range map[string]string{
		"le": "d/e", "d/up": "../le", "abs": "/d/e", "dangling": "d/none", "loop": "loop", "lf": "d/e/file", "out": "../../../d",
	} {
		if err := os.Symlink(target, filepath.Join(f.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	r := f.raw()
	for _, ask := range []func(string) []any{
		func(name string) []any { return []any{byte(fxpRealpath), name} },
		func(name string) []any { return []any{byte(fxpExtended), "expand-path@openssh.com", name} },
	} {
		for name, want := range map[string]string{
			"le": "/d/e", "/d/up/file": "/d/e/file", "abs/file": "/d/e/file", "le/..": "/d", "le/new": "/d/e/new", "new": "/new",
			"dangling": "/d/none", "lf": "/d/e/file", "out/e/": "/d/e", "le/": "/d/e", "../le/./file": "/d/e/file",
		} {
			args := ask(name)
			if got := r.name(args[0].(byte), args[1:]...); got != want {
				t.Errorf("%q leads to %q, not %q", name, got, want)
			}
		}
		for name, want := range map[string]uint32{
			"none/x": statusNoSuchFile, "none/": statusNoSuchFile, "none/../d": statusNoSuchFile, "d/e/file/": statusNoSuchFile,
			"d/e/file/..": statusNoSuchFile, "loop": statusFailure, "dangling/x": statusNoSuchFile, strings.Repeat("d/../", 1000): statusFailure,
		} {
			args := ask(name)
			r.want(want, args[0].(byte), args[1:]...)
		}
	}
}

func TestNamesMeanWhatTheyMeanToTheSystem(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("f", "top")
	f.put("g", "top")
	f.put("d/g", "inner")
	f.put("d/e/x", "")
	if err := os.Symlink("d/e", filepath.Join(f.dir, "le")); err != nil {
		t.Fatal(err)
	}
	r := f.raw()
	// A slash at the end is for directories.
	r.want(statusNoSuchFile, fxpRemove, "f/")
	r.want(statusNoSuchFile, fxpStat, "f/")
	r.want(statusFailure, fxpOpen, "new/", uint32(openWrite|openCreate|openTruncate), uint32(0))
	r.want(statusNoSuchFile, fxpOpen, "f/", uint32(openRead), uint32(0))
	if kind, body := r.call(fxpLstat, "le/"); kind != fxpAttrs || body[0]|body[1]|body[2] != 0 {
		t.Errorf("LSTAT of a link with a slash: %d %q", kind, body)
	}
	r.want(statusOK, fxpMkdir, "dir/", uint32(0))
	r.want(statusOK, fxpRmdir, "dir/")
	// Behind a link, ".." is the parent of where that leads.
	if got := r.read(r.open("le/../g", openRead), 0, 10); got != "inner" {
		t.Errorf("le/../g is %q", got)
	}
	r.want(statusOK, fxpRemove, "le/../g")
	if f.exists("d/g") || !f.exists("g") {
		t.Error("another file was removed")
	}
	for _, name := range []string{"none/../f", "f/../f", "", "./f/"} {
		r.want(statusNoSuchFile, fxpStat, name)
	}
	r.want(statusNoSuchFile, fxpOpendir, "")
	r.want(statusFailure, fxpStat, strings.Repeat("a/", 2049))
	for _, name := range []string{"new", "f"} {
		if name == "new" == f.exists(name) {
			t.Errorf("%s: %v", name, f.exists(name))
		}
	}
}

func TestNamesMayHaveALineBreak(t *testing.T) {
	t.Parallel()
	f := serve(t)
	r := f.raw()
	for _, name := range []string{"a\nb", "c\rd", "\n"} {
		r.want(statusOK, fxpClose, r.open(name, openWrite|openCreate))
		r.want(statusOK, fxpRename, name, name+"2")
		r.want(statusOK, fxpRemove, name+"2")
	}
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
