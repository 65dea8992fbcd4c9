package lsformat_test

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/lsformat"
)

func TestALineIsThatOfLs(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 7, 1, 12, 0, 0, 0, time.UTC)
	file := lsformat.Entry{Mode: 0o644, Links: 2, Owner: "alice", Group: "staff", Size: 1234, ModTime: now.Add(-time.Hour), Name: "a name"}
	for name, tc := range map[string]struct {
		change func(*lsformat.Entry)
		want   string
	}{
		"a file":             {func(*lsformat.Entry) {}, "-rw-r--r--   2 alice    staff            1234 Jul  1 11:00 a name"},
		"without a link":     {func(e *lsformat.Entry) { e.Links = 0 }, "-rw-r--r--   1 alice    staff            1234 Jul  1 11:00 a name"},
		"of nobody":          {func(e *lsformat.Entry) { e.Owner = "" }, "-rw-r--r--   2 -        staff            1234 Jul  1 11:00 a name"},
		"of two words":       {func(e *lsformat.Entry) { e.Group = "domain users" }, "-rw-r--r--   2 alice    domain_users         1234 Jul  1 11:00 a name"},
		"of half a year ago": {func(e *lsformat.Entry) { e.ModTime = now.Add(-183 * 24 * time.Hour) }, "-rw-r--r--   2 alice    staff            1234 Dec 31  2023 a name"},
		"of the future":      {func(e *lsformat.Entry) { e.ModTime = now.Add(time.Hour) }, "-rw-r--r--   2 alice    staff            1234 Jul  1  2024 a name"},
		"in another zone": {
			func(e *lsformat.Entry) { e.ModTime = e.ModTime.In(time.FixedZone("", 3600)) },
			"-rw-r--r--   2 alice    staff            1234 Jul  1 12:00 a name",
		},
		"with a line in its name": {func(e *lsformat.Entry) { e.Name = "a\r\nb\x00" }, "-rw-r--r--   2 alice    staff            1234 Jul  1 11:00 a??b?"},
		"a large file":            {func(e *lsformat.Entry) { e.Size = 1 << 50 }, "-rw-r--r--   2 alice    staff    1125899906842624 Jul  1 11:00 a name"},
		"of a size that is wrong": {func(e *lsformat.Entry) { e.Size = -1 }, "-rw-r--r--   2 alice    staff               0 Jul  1 11:00 a name"},
		"a link": {
			func(e *lsformat.Entry) { e.Mode, e.Target = fs.ModeSymlink|0o777, "b\nc" },
			"lrwxrwxrwx   2 alice    staff            1234 Jul  1 11:00 a name -> b?c",
		},
	} {
		e := file
		tc.change(&e)
		if got := string(e.Append(nil, now)); got != tc.want {
			t.Errorf("%s:\n%q, not\n%q", name, got, tc.want)
		}
	}
}

func TestAModeIsShownAsLsDoes(t *testing.T) {
	t.Parallel()
	for mode, want := range map[fs.FileMode]string{
		0o640:                                    "-rw-r-----",
		fs.ModeDir | 0o755:                       "drwxr-xr-x",
		fs.ModeSymlink | 0o777:                   "lrwxrwxrwx",
		fs.ModeNamedPipe | 0o600:                 "prw-------",
		fs.ModeSocket | 0o600:                    "srw-------",
		fs.ModeDevice | 0o660:                    "brw-rw----",
		fs.ModeDevice | fs.ModeCharDevice | 0o66: "c---rw-rw-",
		fs.ModeIrregular:                         "?---------",
		fs.ModeSetuid | 0o755:                    "-rwsr-xr-x",
		fs.ModeSetuid | 0o655:                    "-rwSr-xr-x",
		fs.ModeSetgid | fs.ModeDir | 0o770:       "drwxrws---",
		fs.ModeSetgid | 0o700:                    "-rwx--S---",
		fs.ModeSticky | fs.ModeDir | 0o777:       "drwxrwxrwt",
		fs.ModeSticky | 0o776:                    "-rwxrwxrwT",
	} {
		if got := string(lsformat.AppendMode([]byte("x"), mode)); got != "x"+want {
			t.Errorf("%v is %q, not %q", mode, got[1:], want)
		}
	}
}

func TestTheTwelveBitsOfAModeComeBack(t *testing.T) {
	t.Parallel()
	for bits := range uint32(1 << 12) {
		mode := lsformat.FromUnixMode(bits | 0o100000) // a file's type is no part of them
		if got := lsformat.UnixMode(mode | fs.ModeDir); got != bits || mode.Type() != 0 {
			t.Errorf("%o became %o by way of %v", bits, got, mode)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a", "b", "c", "d", int64(1), uint32(0o644))
	f.Fuzz(func(t *testing.T, owner, group, name, target string, size int64, mode uint32) {
		e := lsformat.Entry{Mode: fs.FileMode(mode), Owner: owner, Group: group, Size: size, Name: name, Target: target}
		line := string(e.Append(nil, time.Unix(0, 0)))
		if strings.ContainsAny(line, "\r\n\x00") || len(strings.Fields(line)) < 8 {
			t.Errorf("%q", line)
		}
	})
}
