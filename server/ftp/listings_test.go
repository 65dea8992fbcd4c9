package ftp_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func TestFlagsOfLISTAreNotAFileAndAMissingPathIsAnError(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.login().command("MKD dir", "257 ...")
	ts.write("/dir/f", "1")
	ts.write("/-x y", "2")
	c := ts.login()
	for command, want := range map[string]int{
		"LIST": 2, "LIST -a": 2, "LIST -al": 2, "LIST -la": 2, "LIST -la dir": 1, "LIST -a -l dir": 1,
		"LIST dir": 1, "LIST /": 2, "NLST -a": 2, "NLST -al dir": 1, "LIST -x y": 1,
	} {
		if got := lines(t, c.get(command)); len(got) != want {
			t.Errorf("%s: %q, want %d lines", command, got, want)
		}
	}
	for _, command := range []string{"LIST missing", "LIST -la missing", "NLST missing", "MLSD missing"} {
		c.epsv()
		c.command(command, "550 ...")
	}
}

func TestNLSTOfAFileWorksAndNamesAreRelativeAsAsked(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.login().command("MKD dir", "257 ...")
	for _, name := range []string{"/dir/a.txt", "/dir/b.txt", "/dir/c.log", "/top.txt"} {
		ts.write(name, "x")
	}
	c := ts.login()
	for command, want := range map[string][]string{
		"NLST":            {"dir", "top.txt"},
		"NLST .":          {"./dir", "./top.txt"},
		"NLST top.txt":    {"top.txt"},
		"NLST dir":        {"dir/a.txt", "dir/b.txt", "dir/c.log"},
		"NLST dir/":       {"dir/a.txt", "dir/b.txt", "dir/c.log"},
		"NLST /dir":       {"/dir/a.txt", "/dir/b.txt", "/dir/c.log"},
		"NLST dir/a.txt":  {"dir/a.txt"},
		"NLST /dir/a.txt": {"/dir/a.txt"},
		"NLST *.txt":      {"top.txt"},
		"NLST dir/*.txt":  {"dir/a.txt", "dir/b.txt"},
		"NLST dir/*.none": nil,
	} {
		if got := lines(t, c.get(command)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}

func TestMLSTIsIndentedByOneSpaceMLSDOfAFileIs501AndTimesAreUTC(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/f", "data")
	c := ts.login()
	c.talk(`
		> MFMT 20240310023000 f
		< 213 Modify=20240310023000; f
		> MLST f
		< 250-Listing
		<  type=file;size=4;modify=20240310023000;perm=adfrw;UNIX.mode=0644; /f
		< 250 End`)
	c.epsv()
	c.command("MLSD f", "501 ...")
	want := "type=file;size=4;modify=20240310023000;perm=adfrw;UNIX.mode=0644; f"
	if got := lines(t, c.get("MLSD")); !slices.Equal(got, []string{want}) {
		t.Errorf("MLSD: %q, want %q", got, want)
	}
	if got := lines(t, c.get("LIST")); !strings.HasSuffix(got[0], " Mar 10  2024 f") {
		t.Errorf("LIST: %q", got)
	}
}

func TestTimesAreUTCWhateverTheZoneOfTheFileSystem(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/f", "data")
	at := time.Date(2024, 3, 11, 1, 30, 0, 0, time.FixedZone("", 5*60*60)) // 20:30 on the day before
	if err := ts.fs.SetModTime(t.Context(), "/f", at); err != nil {
		t.Fatal(err)
	}
	c := ts.login()
	c.talk(`
		> MDTM f
		< 213 20240310203000
		> MLST f
		< 250-Listing
		<  ...modify=20240310203000;...
		< 250 End`)
	if got := string(c.get("MLSD")); !strings.Contains(got, "modify=20240310203000;") {
		t.Errorf("MLSD: %q", got)
	}
	if got := string(c.get("LIST")); !strings.Contains(got, " Mar 10  2024 f") {
		t.Errorf("LIST: %q", got)
	}
}

func TestNoNameOfTheFileSystemBreaksAListing(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/evil\r\ntype=dir; injected", "x")
	c := ts.login()
	for _, command := range []string{"MLSD", "LIST", "NLST"} {
		if got := lines(t, c.get(command)); len(got) != 1 || !strings.HasSuffix(got[0], "evil??type=dir; injected") {
			t.Errorf("%s: %q", command, got)
		}
	}
}

func TestOddNamesRoundTrip(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	names := []string{
		" leading", "trailing ", "  two  ", "a*b", "[x]", "?", ".hidden", "..data", "ünïcödé", "日本語", "\xff\xfe latin",
		"-la", "semi;colon", "equal=s", `quo"te`, `back\slash`, "tab\tinside", "100%", "~", "a  b", "'", "#",
	}
	for _, name := range names {
		// Byte 255 begins a Telnet command and is doubled to mean itself.
		arg := strings.ReplaceAll(name, "\xff", "\xff\xff")
		c.put("STOR "+arg, []byte(name))
		if got := string(c.get("RETR " + arg)); got != name {
			t.Errorf("RETR %q: %q", name, got)
		}
	}
	var listed []string
	for _, line := range lines(t, c.get("MLSD")) {
		_, name, _ := strings.Cut(line, "; ")
		listed = append(listed, name)
	}
	for _, name := range names {
		if !slices.Contains(listed, name) {
			t.Errorf("MLSD lacks %q: %q", name, listed)
		}
		if got := lines(t, c.get("NLST")); !slices.Contains(got, name) {
			t.Errorf("NLST lacks %q", name)
		}
		arg := strings.ReplaceAll(name, "\xff", "\xff\xff")
		c.talk("> RNFR " + arg + "\n< 350 ...\n> RNTO moved\n< 250 ...\n> RNFR moved\n< 350 ...\n> RNTO " + arg + "\n< 250 ...")
		c.command("DELE "+arg, "250 ...")
	}
	c.epsv()
	c.command("STOR a\rb", "553 ...")
	c.command("STOR a\x00b", "553 ...")
}

func TestCWDIntoAFileFails(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/f", "")
	c := ts.login()
	c.command("CWD f", "550 Not a directory")
	c.command("PWD", `257 "/" ...`)
}

func TestAListingOf100000EntriesStreams(t *testing.T) {
	t.Parallel()
	const n = 100_000
	c := serveTree(t, &tree{folders: n, depth: 1, nameLen: 6}, nil).login()
	conn := c.data(c.epsv())
	c.command("MLSD", "150 ...")
	data, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	c.expect("226 ...")
	if got := lines(t, data); len(got) != n+1 || !strings.HasSuffix(got[n-1], fmt.Sprintf("d%06d", n-1)) {
		t.Errorf("%d lines", len(got))
	}
}

func TestLISTRecursesOnDemand(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	c.talk("> MKD a\n< 257 ...\n> MKD a/b\n< 257 ...")
	ts.write("/a/b/deep", "x")
	if got := lines(t, c.get("NLST -R")); !slices.Equal(got, []string{"a", "", "./a:", "b", "", "./a/b:", "deep"}) {
		t.Errorf("NLST -R: %q", got)
	}
}

func TestMFMTAndMDTMAndMLSDTogetherKeepTimes(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/f", "data")
	c := ts.login()
	c.talk(`
		> MFMT 20010203040506 f
		< 213 Modify=20010203040506; f
		> MDTM f
		< 213 20010203040506
		> MDTM 20020304050607 f
		< 253 Modify=20020304050607; f
		> MDTM f
		< 213 20020304050607`)
	if got := lines(t, c.get("MLSD")); !strings.Contains(got[0], "modify=20020304050607;") {
		t.Errorf("MLSD: %q", got)
	}
	// A file may be called what looks like a time and a name.
	ts.write("/20030405060708 f", "other")
	year := time.Now().UTC().Format("2006")
	c.command("MDTM 20030405060708 f", "213 "+year+"...")
}

func TestMFCTAndMFFSetTheTimeOfCreationWhereThereIsOne(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, func(s *ftp.Options) { s.Backend = bornBackend{newFiles(t)} })
	c := ts.login()
	c.put("STOR f", []byte("data"))
	c.talk(`
		> MFCT 20010203040506 f
		< 213 Create=20010203040506; f
		> MFF Create=20020304050607; f
		< 213 Create=20020304050607; f`)
	if got, want := lines(t, c.get("NLST")), []string{"f", "f of 2001-02-03 04:05:06", "f of 2002-03-04 05:06:07"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLinksAreShownWithTheirTargets(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, func(s *ftp.Options) {})
	ts.write("/f", "data")
	c := ts.login()
	c.command("SITE SYMLINK f link", "200 ...")
	if got := lines(t, c.get("LIST"))[1]; !strings.HasPrefix(got, "lrwxrwxrwx ") || !strings.HasSuffix(got, " link -> f") {
		t.Errorf("LIST: %q", got)
	}
	if got := lines(t, c.get("MLSD"))[1]; !strings.HasPrefix(got, "type=OS.unix=slink:f;") {
		t.Errorf("MLSD: %q", got)
	}
	if got := string(c.get("RETR link")); got != "data" {
		t.Errorf("RETR: %q", got)
	}
}
