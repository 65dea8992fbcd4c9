package storage

import (
	"errors"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"
)

// asOnNFS is renameat2 of a file system that knows none of its flags.
func asOnNFS(int, string, int, string, uint) error { return unix.EINVAL }

func TestRenameNewWorksWhereTheVolumeCannotDoItInOneStep(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	for _, dir := range []string{"/dir", "/full", "/empty"} {
		if err := l.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, l, "/file", "file")
	write(t, l, "/taken", "taken")
	write(t, l, "/full/file", "x")
	if err := l.Symlink("file", "/link"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, from, to string
		want           error
	}{
		{"a file in the place of a file", "file", "taken", fs.ErrExist},
		{"a file in the place of a folder", "file", "empty", fs.ErrExist},
		{"a folder in the place of an empty one", "dir", "empty", fs.ErrExist},
		{"a folder in the place of one that is not", "dir", "full", fs.ErrExist},
		{"a folder in the place of a file", "dir", "taken", fs.ErrExist},
		{"what is missing", "missing", "new", fs.ErrNotExist},
		{"a file to its own place", "file", "file", fs.ErrExist},
		{"a file", "file", "newfile", nil},
		{"a link, itself", "link", "newlink", nil},
		{"a folder", "full", "newdir", nil},
	} {
		err := l.at(tc.from, func(from place) error {
			return renameNew(asOnNFS, from, place{dir: from.dir, base: tc.to})
		})
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
	}
	if s, err := read(l, "/newfile"); s != "file" || err != nil {
		t.Errorf("the file: got %q, %v", s, err)
	}
	if s, err := read(l, "/newdir/file"); s != "x" || err != nil {
		t.Errorf("the folder's file: got %q, %v", s, err)
	}
	if s, err := l.Readlink("/newlink"); s != "file" || err != nil {
		t.Errorf("the link: got %q, %v", s, err)
	}
	if s, err := read(l, "/taken"); s != "taken" || err != nil {
		t.Errorf("what was in the way: got %q, %v", s, err)
	}
	for _, gone := range []string{"/file", "/full", "/link"} {
		if _, err := l.Lstat(gone); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", gone, err)
		}
	}
}
