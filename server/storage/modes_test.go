package storage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestNewFilesAndFoldersHaveTheModesThatAreSet(t *testing.T) {
	umask := unix.Umask(0) // as the server has it
	defer unix.Umask(umask)
	for name, tc := range map[string]struct {
		modes                      Modes
		file, folder, home, folded fs.FileMode
	}{
		"the default":           {Modes{Umask: 0o007}, 0o660, 0o770, 0o770, 0o700},
		"no umask":              {Modes{}, 0o666, 0o777, 0o770, 0o700},
		"a strict umask":        {Modes{Umask: 0o077}, 0o600, 0o700, 0o700, 0o700},
		"modes of their own":    {Modes{Umask: 0o077, File: 0o640, Folder: 0o750}, 0o640, 0o750, 0o750, 0o750},
		"a folder is of use":    {Modes{Umask: 0o777}, 0, 0o700, 0o700, 0o700},
		"a folder mode of none": {Modes{Folder: 0o055}, 0o666, 0o755, 0o755, 0o755},
	} {
		root := t.TempDir()
		l, err := OpenLocal(root, "home", func() Modes { return tc.modes })
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.OpenFile("/f", os.O_WRONLY|os.O_CREATE, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		for _, err := range []error{l.Mkdir("/d", 0o777), l.Mkdir("/closed", 0)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for path, want := range map[string]fs.FileMode{"f": tc.file, "d": tc.folder, "": tc.home, "closed": tc.folded} {
			info, err := os.Stat(filepath.Join(root, "home", path))
			if err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: /%s has %v, %v; want %v", name, path, info.Mode(), err, want)
			}
		}
		l.Close()
	}
}

func TestSpecialBitsAreNoError(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	write(t, l, "/f", "")
	for name, mode := range map[string]fs.FileMode{"/setgid": 0o775 | fs.ModeSetgid, "/sticky": 0o777 | fs.ModeSticky} {
		if err := l.Mkdir(name, mode); err != nil {
			t.Errorf("making %s: %v", name, err)
		}
		if info, err := l.Stat(name); err != nil || info.Mode()&specialBits != mode&specialBits {
			t.Errorf("%s is %v, %v", name, info.Mode(), err)
		}
	}
	for _, mode := range []fs.FileMode{0o755 | fs.ModeSetuid, 0o775 | fs.ModeSetgid, 0o777 | fs.ModeSticky, 0o600} {
		if err := l.Chmod("/f", mode); err != nil {
			t.Errorf("chmod %v: %v", mode, err)
		}
		if info, _ := l.Stat("/f"); info.Mode() != mode {
			t.Errorf("the mode is %v, want %v", info.Mode(), mode)
		}
	}
}

func TestAFolderStaysUsable(t *testing.T) {
	t.Parallel()
	for how, l := range trees(t) {
		mkdir(t, l, "/d")
		link(t, l, "/", "/top")
		link(t, l, ".", "/here")
		before, err := os.Stat(l.host("/"))
		if err != nil {
			t.Fatal(err)
		}
		for _, top := range []string{"/", "/.", "/top", "/here", "/d/..", "", "/top/"} {
			if err := l.Chmod(top, 0); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s: chmod of %q: got %v, want a refusal", how, top, err)
			}
		}
		if after, err := os.Stat(l.host("/")); err != nil || after.Mode() != before.Mode() {
			t.Errorf("%s: the top has the mode %v, %v", how, after.Mode(), err)
		}
		if err := l.Chmod("/d", 0o050); err != nil {
			t.Error(err)
		}
		if info, _ := l.Stat("/d"); info.Mode().Perm() != 0o750 {
			t.Errorf("%s: a folder has the mode %v, want its owner to keep all", how, info.Mode())
		}
	}
}

func TestTimesOfLinksAndOfWhatTheyLeadTo(t *testing.T) {
	t.Parallel()
	for how, l := range trees(t) {
		write(t, l, "/f", "")
		link(t, l, "/f", "/lf")
		link(t, l, "none", "/dangling")
		one, two := time.Unix(1e9, 1), time.Unix(2e9, 2)
		for _, err := range []error{l.Chtimes("/lf", one, one), l.Lchtimes("/lf", two, two), l.Lchtimes("/dangling", two, two), l.Lchtimes("/f", time.Time{}, one)} {
			if err != nil {
				t.Errorf("%s: %v", how, err)
			}
		}
		for name, want := range map[string]time.Time{"/f": one, "/lf": two, "/dangling": two} {
			if info, err := l.Lstat(name); err != nil || !info.ModTime().Equal(want) {
				t.Errorf("%s: %s has %v, %v; want %v", how, name, info.ModTime(), err, want)
			}
		}
	}
}
