package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestNoPartOfAHomeIsALink(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, dir := range []string{"team", "victim"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"team/member": "../victim", "team/up": "..", "team/abs": root, "link": "team"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
		for _, home := range []string{name, name + "/below"} {
			if l, err := OpenLocal(root, home); err == nil {
				l.Close()
				t.Errorf("the home %s was opened through a link", home)
			}
		}
	}
	for _, home := range []string{"", "..", "../x", "/abs", "a/../../b"} {
		if l, err := OpenLocal(root, home); err == nil {
			l.Close()
			t.Errorf("the home %q was opened", home)
		}
	}
	if entries, _ := os.ReadDir(filepath.Join(root, "victim")); len(entries) > 0 {
		t.Errorf("the victim has %v", entries)
	}
	above := filepath.Join(t.TempDir(), "data") // what is above is the admin's
	if err := os.Symlink(root, above); err != nil {
		t.Fatal(err)
	}
	for _, home := range []string{".", "victim", "new/one"} {
		l, err := OpenLocal(above, home)
		if err != nil {
			t.Errorf("the home %s: %v", home, err)
			continue
		}
		l.Close()
	}
}

func TestSmallFoldersAreListedByName(t *testing.T) {
	t.Parallel()
	l, _ := open(t)
	for _, n := range []int{1, listBatch - 1, listBatch, listBatch + 1, sortedEntries, sortedEntries + 1} {
		dir := fmt.Sprintf("/d%d", n)
		mkdir(t, l, dir)
		var want []string
		for i := range n {
			name := fmt.Sprintf("%05d", (i*7919)%n)
			want = append(want, name)
			if err := os.WriteFile(l.host(dir+"/"+name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for info, err := range l.List(dir) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, info.Name())
		}
		if n <= sortedEntries && !slices.IsSorted(got) {
			t.Errorf("a folder of %d entries comes in another order than by name", n)
		}
		slices.Sort(want)
		if slices.Sort(got); !slices.Equal(got, slices.Compact(want)) {
			t.Errorf("a folder of %d entries has %d", n, len(got))
		}
	}
}

func TestReservedNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"/.upload.f": true, "/d/.upload.f": true, "/.UPLOAD.f": true, "/.ftp-upload.f": true, "/.Ftp-Upload.f/x": true, ".upload.": true,
		"/\u200b.up\u00adload.f": true, "/\uff0euploa\uff24.f": true, "/\u2024upload\u2024f": true, "/.\U0001d42epload.f": true, ".upload\ufe0f.": true,
		"/.uplo\u00e4d.f": false, "/.\u0443pload.f": false, "/.upload\ufffd": false, "/.up\xffload.": false, "/\u2025upload.f": false, "/.upload\u00ad": false,
		"/upload.f": false, "/.uploads": false, "/.upload": false, "/f.upload.": false, "/": false, "": false,
	} {
		if got := Reserved(name); got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
}
