package users

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// tree has /file, /dir/file, and the folders that the rules of a test name.
func tree(t *testing.T, folders ...string) storage.FS {
	t.Helper()
	l, err := storage.OpenLocal(t.TempDir(), ".")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	for _, dir := range append([]string{"/dir"}, folders...) {
		if err := l.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"/file", "/dir/file"} {
		f, err := l.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return l
}

func open(f storage.FS, name string, flag int) error {
	file, err := f.OpenFile(name, flag, 0o644)
	if err == nil {
		file.Close()
	}
	return err
}

func list(f storage.FS, name string) error {
	for _, err := range f.List(name) {
		if err != nil {
			return err
		}
	}
	return nil
}

// operations are what each kind of access is asked to do, in an order in which
// each can succeed.
var operations = []struct {
	name string
	do   func(storage.FS) error
	by   string // R, W: who may, besides ReadWrite
}{
	{"list", func(f storage.FS) error { return list(f, "/") }, "R"},
	{"stat of a folder", func(f storage.FS) error { _, err := f.Stat("/dir"); return err }, "RW"},
	{"stat of a file", func(f storage.FS) error { _, err := f.Stat("/file"); return err }, "R"},
	{"lstat of a file", func(f storage.FS) error { _, err := f.Lstat("/file"); return err }, "R"},
	{"read", func(f storage.FS) error { return open(f, "/file", os.O_RDONLY) }, "R"},
	{"space", func(f storage.FS) error { _, err := f.Space("/"); return err }, "RW"},
	{"make a new file", func(f storage.FS) error { return open(f, "/new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC) }, "W"},
	{"make a folder", func(f storage.FS) error { return f.Mkdir("/newdir", 0o755) }, "W"},
	{"overwrite", func(f storage.FS) error { return open(f, "/file", os.O_WRONLY|os.O_CREATE|os.O_TRUNC) }, ""},
	{"append", func(f storage.FS) error { return open(f, "/file", os.O_WRONLY) }, ""},
	{"make a file to write and read", func(f storage.FS) error { return open(f, "/new2", os.O_RDWR|os.O_CREATE|os.O_TRUNC) }, "W"},
	{"read and write", func(f storage.FS) error { return open(f, "/file", os.O_RDWR) }, ""},
	{"chmod", func(f storage.FS) error { return f.Chmod("/file", 0o600) }, ""},
	{"chtimes", func(f storage.FS) error { return f.Chtimes("/file", time.Time{}, time.Now()) }, ""},
	{"symlink", func(f storage.FS) error { return f.Symlink("file", "/link") }, ""},
	{"hard link", func(f storage.FS) error { return f.Link("/file", "/hard") }, ""},
	{"rename", func(f storage.FS) error { return f.Rename("/hard", "/hard2") }, ""},
	{"rename to something new", func(f storage.FS) error { return f.RenameNew("/hard2", "/hard3") }, ""},
	{"remove", func(f storage.FS) error { return f.Remove("/dir/file") }, ""},
	{"remove a folder", func(f storage.FS) error { return f.RemoveDir("/dir") }, ""},
}

func TestEachAccessAllowsWhatItSays(t *testing.T) {
	for access, letter := range map[config.Access]string{
		config.AccessReadWrite: "A", config.AccessReadOnly: "R", config.AccessWriteOnly: "W", config.AccessNone: "-",
	} {
		t.Run(string(access), func(t *testing.T) {
			u := &User{config: config.User{Access: access}}
			f := u.Restrict(tree(t))
			for _, op := range operations {
				may := letter == "A"
				for _, by := range op.by {
					may = may || string(by) == letter
				}
				err := op.do(f)
				if may && err != nil {
					t.Errorf("%s: %v", op.name, err)
				}
				if !may && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: got %v, want a refusal", op.name, err)
				}
			}
		})
	}
}

func TestRulesForPaths(t *testing.T) {
	u := &User{config: config.User{Access: config.AccessReadOnly, Paths: []config.PathRule{
		{Path: "/in", Access: config.AccessWriteOnly},
		{Path: "/work", Access: config.AccessReadWrite},
		{Path: "/work/archive", Access: config.AccessReadOnly},
		{Path: "/private", Access: config.AccessNone},
	}}}
	base := tree(t, "/in", "/work", "/work/archive", "/private", "/work/sub")
	for link, target := range map[string]string{"/work/way": "/work/archive", "/work/secret": "/private"} {
		if err := base.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	f := u.Restrict(base)
	const making = os.O_WRONLY | os.O_CREATE
	for name, tc := range map[string]struct {
		err error
		ok  bool
	}{
		"a file may be made in the drop box":             {open(f, "/in/new", making), true},
		"and not read there":                             {open(f, "/in/new", os.O_RDONLY), false},
		"nor listed":                                     {list(f, "/in"), false},
		"a file may be made where all is allowed":        {open(f, "/work/new", making), true},
		"the longest path counts":                        {open(f, "/work/archive/new", making), false},
		"a name that only begins like a path is another": {open(f, "/work2", making), false},
		"dots do not lead around a rule":                 {open(f, "/work/sub/../archive/new", making), false},
		"a link does not lead around a rule":             {open(f, "/work/way/new", making), false},
		"nor into what is forbidden":                     {list(f, "/work/secret"), false},
		"a folder with a rule may not be moved away":     {f.Rename("/work/archive", "/work/old"), false},
		"nor one above it":                               {f.Rename("/work", "/in/work"), false},
		"nothing may come in its place":                  {f.Rename("/work/sub", "/work/archive"), false},
		"a link may be removed":                          {f.Remove("/work/way"), true},
		"a link out of where one may write is refused":   {f.Symlink("archive", "/work/way2"), false},
		"a folder inside may be moved":                   {f.Rename("/work/sub", "/work/sub2"), true},
		"the rest may be read":                           {open(f, "/file", os.O_RDONLY), true},
		"and not written":                                {open(f, "/file", os.O_WRONLY), false},
		"what is forbidden is not described":             {func() error { _, err := f.Stat("/private"); return err }(), false},
	} {
		if (tc.err == nil) != tc.ok {
			t.Errorf("%s: got %v", name, tc.err)
		}
	}
}

func TestWhoDropsAFileMayCompleteIt(t *testing.T) {
	base := tree(t, "/other")
	u := &User{config: config.User{Access: config.AccessWriteOnly, Paths: []config.PathRule{{Path: "/other", Access: config.AccessReadOnly}}}}
	mine, others := u.Restrict(base), u.Restrict(base)
	const making = os.O_WRONLY | os.O_CREATE
	size := func(f storage.FS, name string) error { _, err := f.Stat(name); return err }
	for _, step := range []struct {
		name string
		err  func() error
		ok   bool
	}{
		{"make a file", func() error { return open(mine, "/a.part", making) }, true},
		{"look at its size", func() error { return size(mine, "/a.part") }, true},
		{"as another may not", func() error { return size(others, "/a.part") }, false},
		{"set its times", func() error { return mine.Chtimes("/a.part", time.Time{}, time.Now()) }, true},
		{"as another may not", func() error { return others.Chtimes("/a.part", time.Time{}, time.Now()) }, false},
		{"write it again", func() error { return open(mine, "/a.part", making|os.O_TRUNC) }, true},
		{"as another may not", func() error { return open(others, "/a.part", making|os.O_TRUNC) }, false},
		{"not read it", func() error { return open(mine, "/a.part", os.O_RDONLY) }, false},
		{"not put it in the place of another", func() error { return mine.Rename("/a.part", "/file") }, false},
		{"nor where the rules are others", func() error { return mine.Rename("/a.part", "/other/a") }, false},
		{"nor in place of a folder with rules", func() error { return mine.Rename("/a.part", "/other") }, false},
		{"nor may another move it", func() error { return others.Rename("/a.part", "/b") }, false},
		{"give it its name", func() error { return mine.Rename("/a.part", "/a") }, true},
		{"look at its size there", func() error { return size(mine, "/a") }, true},
		{"not remove it", func() error { return mine.Remove("/a") }, false},
		{"(it is taken, and another comes)", func() error { return errors.Join(base.Rename("/a", "/taken"), open(base, "/a", making)) }, true},
		{"not touch the other one", func() error { return open(mine, "/a", making) }, false},
		{"nor look at it", func() error { return size(mine, "/a") }, false},
	} {
		if err := step.err(); (err == nil) != step.ok {
			t.Errorf("%s: got %v", step.name, err)
		}
	}
}

func TestAChangeOfPermissionsIsInForceAtOnce(t *testing.T) {
	account := config.User{Name: "alice", Home: "alice", Access: config.AccessReadWrite, Limits: config.UserLimits{MaxSessions: 7}}
	d := directory(t, config.Sessions{}, account)
	u := d.find("alice")
	f := u.Restrict(tree(t))
	if err := open(f, "/file", os.O_WRONLY); err != nil {
		t.Fatal(err)
	}
	account.Access, account.Limits.MaxSessions = config.AccessReadOnly, 8
	if err := d.Set([]config.Shard{{Users: []config.User{account}}}, config.Sessions{}); err != nil {
		t.Fatal(err)
	}
	if err := open(f, "/file", os.O_WRONLY); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("writing: got %v, want a refusal", err)
	}
	if got := u.Limits().MaxSessions; got != 8 {
		t.Errorf("got the limit %d, want the new one", got)
	}
}
