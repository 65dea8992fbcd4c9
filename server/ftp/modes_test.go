package ftp_test

import (
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func TestASCIITransfersTranslateLines(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	c.command("TYPE A", "200 ...")
	c.put("STOR f", []byte("one\r\ntwo\r\n\rthree\r"))
	if got := ts.read("/f"); got != "one\ntwo\n\rthree\r" {
		t.Errorf("STOR: %q", got)
	}
	ts.write("/f", "one\ntwo\r\nthree")
	if got := string(c.get("RETR f")); got != "one\r\ntwo\r\nthree" {
		t.Errorf("RETR: %q", got)
	}
	long := strings.Repeat("line\n", 200_000)
	ts.write("/long", long)
	data := c.get("RETR long")
	if string(data) != strings.ReplaceAll(long, "\n", "\r\n") {
		t.Error("a long file came out wrong")
	}
	c.put("STOR back", data)
	if ts.read("/back") != long {
		t.Error("and was not what it had been afterwards")
	}
	c.command("SIZE f", "550 ...")
	c.command("REST 1", "504 ...")
}

func TestTranslationCanBeTurnedOffAndThenRESTAndSIZEWorkInASCII(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.set(func(s *ftp.Settings) { s.BinaryASCII = true })
	ts.write("/f", "one\ntwo\n")
	c := ts.login()
	c.command("TYPE A", "200 ...")
	c.command("SIZE f", "213 8")
	c.command("REST 4", "350 ...")
	if got := string(c.get("RETR f")); got != "two\n" {
		t.Errorf("got %q", got)
	}
}

func TestWhatTYPEADoesToAFileCanChangeWhileTheServerRuns(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	c.command("TYPE A", "200 ...")
	for _, asIs := range []bool{false, true, false} {
		ts.set(func(s *ftp.Settings) { s.BinaryASCII = asIs })
		c.put("STOR f", []byte("\r\n\r\n"))
		want := "\n\n"
		if asIs {
			want = "\r\n\r\n"
		}
		if got := ts.read("/f"); got != want {
			t.Errorf("as it is: %v: stored %q", asIs, got)
		}
		ts.write("/g", "a\nb\n")
		size, want := "550 ...", "a\r\nb\r\n"
		if asIs {
			size, want = "213 4", "a\nb\n"
		}
		c.command("SIZE g", size)
		if got := string(c.get("RETR g")); got != want {
			t.Errorf("as it is: %v: sent %q", asIs, got)
		}
	}
}
