package ftp_test

import (
	"bytes"
	"compress/zlib"
	"io"
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
	ts := serve(t, plain, func(s *ftp.Options) { s.BinaryASCII = true })
	ts.write("/f", "one\ntwo\n")
	c := ts.login()
	c.command("TYPE A", "200 ...")
	c.command("SIZE f", "213 8")
	c.command("REST 4", "350 ...")
	if got := string(c.get("RETR f")); got != "two\n" {
		t.Errorf("got %q", got)
	}
}

func TestMODEZCompresses(t *testing.T) {
	t.Parallel()
	tests := []string{"", "x", strings.Repeat("compress me, ", 100_000)}
	ts := serve(t, plain, func(s *ftp.Options) { s.Deflate = true })
	c := ts.login()
	c.command("MODE Z", "200 ...")
	c.command("OPTS MODE Z LEVEL 9", "200 ...")
	for _, want := range tests {
		var packed bytes.Buffer
		z := zlib.NewWriter(&packed)
		io.WriteString(z, want)
		z.Close()
		c.put("STOR f", packed.Bytes())
		if got := ts.read("/f"); got != want {
			t.Errorf("STOR: %d bytes, want %d", len(got), len(want))
		}
		data := c.get("RETR f")
		if len(want) > 1000 && len(data) > len(want)/10 {
			t.Errorf("%d bytes were not compressed", len(data))
		}
		r, err := zlib.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("RETR: %d bytes, %v", len(got), err)
		}
	}
	r, err := zlib.NewReader(bytes.NewReader(c.get("NLST")))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(r); string(got) != "f\r\n" {
		t.Errorf("NLST: %q", got)
	}
	conn := c.data(c.epsv())
	c.command("STOR f", "150 ...")
	io.WriteString(conn, "this is not compressed")
	conn.Close()
	c.expect("451 The compressed data is damaged")
	c.command("MODE S", "200 ...")
	c.put("STOR f", []byte("plain"))
}

func TestWhatTYPEADoesToAFileCanChangeWhileTheServerRuns(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	c.command("TYPE A", "200 ...")
	for _, asIs := range []bool{false, true, false} {
		ts.SetBinaryASCII(asIs)
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
