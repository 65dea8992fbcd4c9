package ftp_test

import (
	"context"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func TestAPatternMatchesAHiddenNameOnlyIfItAsksForTheDot(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	for _, dir := range []string{"d", "e", ".d"} {
		c.command("MKD "+dir, "257 ...")
	}
	for _, name := range []string{
		"/.htaccess", "/.x", "/a", "/b!", "/x.txt", "/d/.x", "/d/f", "/d/g", "/e/f", "/.d/f", "/.d/.x", "/[lit]",
	} {
		ts.write(name, "x")
	}
	for pattern, want := range map[string]string{
		"*":        "[lit] a b! d e x.txt",
		"?":        "a d e",
		".*":       ".d .htaccess .x",
		`\.*`:      ".d .htaccess .x",
		".?":       ".d .x",
		"*x":       "",
		"?x":       "",
		"[.]x":     "",
		"[.]*":     "",
		"[!a]*":    "[lit] b! d e x.txt",
		"[^a]*":    "[lit] b! d e x.txt",
		"[!.]*":    "[lit] a b! d e x.txt",
		"[a!]":     "a",
		"[*-~]x":   "",
		"[a-d]*":   "a b! d",
		`\[lit]`:   "[lit]",
		"[lit]":    "[lit]", // there is a file of this very name
		"*.txt":    "x.txt",
		".*ess":    ".htaccess",
		"d/*":      "d/f d/g",
		"d/.*":     "d/.x",
		"*/f":      "d/f e/f",
		"*/*":      "d/f d/g e/f",
		"*/.*":     "d/.x",
		".*/*":     ".d/f",
		".*/.*":    ".d/.x",
		"?/[.]x":   "",
		"?/[fg]":   "d/f d/g e/f",
		"/*/f":     "/d/f /e/f",
		"d/../*/g": "d/../d/g",
		"*/none/*": "",
		"a/*":      "550", // no folder
		"[":        "550",
		"none/*":   "550",
	} {
		c.epsv()
		if want == "550" {
			c.command("NLST "+pattern, "550 ...")
			continue
		}
		if got := lines(t, c.get("NLST "+pattern)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("NLST %s: %q, want %q", pattern, got, want)
		}
		listed := lines(t, c.get("LIST "+pattern))
		for i, line := range listed {
			listed[i] = line[strings.LastIndexByte(line, ' ')+1:]
		}
		short := strings.Fields(want)
		for i, name := range short {
			short[i] = name[len(commonPrefix(pattern)):]
		}
		if !slices.Equal(listed, short) {
			t.Errorf("LIST %s: %q, want %q", pattern, listed, short)
		}
	}
}

// commonPrefix is the part of a name that LIST does not repeat: the folder before the
// first pattern.
func commonPrefix(pattern string) string {
	i := strings.IndexAny(pattern, "*?[")
	return pattern[:strings.LastIndexByte(pattern[:max(i, 0)], '/')+1]
}

// Links that lead back would make endlessly many names of few.
func TestAPatternFollowsNoLinks(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	c.command("MKD d", "257 ...")
	c.command("SITE SYMLINK . a", "200 ...")
	c.command("SITE SYMLINK . b", "200 ...")
	ts.write("/f", "x")
	if got := lines(t, c.get("NLST "+strings.Repeat("*/", 40)+"f")); got != nil {
		t.Errorf("%d names", len(got))
	}
	if got := lines(t, c.get("NLST a/f*")); !slices.Equal(got, []string{"a/f"}) {
		t.Errorf("a link that is asked for by its name: %q", got)
	}
}

// closedBackend logs everybody in to a file system with a folder that may not be read.
type closedBackend struct{ fs *files }

func (b closedBackend) Login(context.Context, *ftp.Conn, string, string) (ftp.Session, error) {
	return closedSession{b.fs}, nil
}

type closedSession struct{ ftp.Session }

func (s closedSession) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	if strings.HasSuffix(name, "closed") {
		return func(yield func(fs.FileInfo, error) bool) { yield(nil, fs.ErrPermission) }
	}
	return s.Session.List(ctx, name)
}

func TestAListingOfAllBelowGoesOnBehindAFolderThatMayNotBeRead(t *testing.T) {
	t.Parallel()
	tree := newFiles(t)
	ts := serve(t, plain, func(s *ftp.Options) { s.Backend = closedBackend{tree} })
	c := ts.login()
	for _, dir := range []string{"closed", "new\nline", "open"} {
		if err := tree.Mkdir(t.Context(), "/"+dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := tree.write("/open/f", nil); err != nil {
		t.Fatal(err)
	}
	want := []string{"closed", "new?line", "open", "", "./closed:", "", "./open:", "f"}
	if got := lines(t, c.get("NLST -R")); !slices.Equal(got, want) {
		t.Errorf("NLST -R: %q, want %q", got, want)
	}
	if got := lines(t, c.get("NLST */*")); !slices.Equal(got, []string{"open/f"}) {
		t.Errorf("NLST */*: %q", got)
	}
	c.data(c.epsv())
	c.talk(`
		> NLST closed
		< 150 ...
		< 550 Permission denied`)
}
