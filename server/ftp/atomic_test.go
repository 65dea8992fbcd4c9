package ftp_test

import (
	"io"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func atomicServer(t *testing.T) *testServer {
	return serve(t, plain, func(s *ftp.Server) { s.AtomicUploads = true })
}

// cutUpload leaves a partial upload behind.
func (c *client) cutUpload(command, data string) {
	c.t.Helper()
	conn := c.data(c.epsv())
	c.command(command, "150 ...")
	io.WriteString(conn, data)
	eventually(c.t, "the data has arrived", func() bool {
		for _, s := range c.ts.Sessions() {
			if s.Transfer != nil && s.Transfer.Bytes == int64(len(data)) {
				return true
			}
		}
		return false
	})
	c.talk("> ABOR\n< 426 ...\n< 226 ...")
}

func TestAnAtomicUploadAppearsWhenItIsComplete(t *testing.T) {
	t.Parallel()
	ts := atomicServer(t)
	ts.write("/f", "old")
	c, watcher := ts.login(), ts.login()
	conn := c.data(c.epsv())
	c.command("STOR f", "150 ...")
	io.WriteString(conn, "new and ")
	if got := string(watcher.get("RETR f")); got != "old" {
		t.Errorf("in the meantime: %q", got)
	}
	if got := lines(t, watcher.get("NLST")); len(got) != 1 {
		t.Errorf("the partial file is not hidden: %q", got)
	}
	watcher.epsv()
	watcher.command("STOR f", "450 ...")
	io.WriteString(conn, "complete")
	conn.Close()
	c.expect("226 ...")
	if got := ts.read("/f"); got != "new and complete" {
		t.Errorf("got %q", got)
	}
	watcher.put("STOR f", []byte("and again"))
}

func TestACutAtomicUploadCanBeContinued(t *testing.T) {
	t.Parallel()
	ts := atomicServer(t)
	c := ts.login()
	for _, resume := range []string{"STOR f", "APPE f"} {
		c.cutUpload("STOR f", "half ")
		c.command("RETR f", "425 ...")
		c.epsv()
		c.command("RETR f", "550 ...")
		c.command("SIZE f", "213 5") // tells where to go on
		if resume == "STOR f" {
			c.command("REST 5", "350 ...")
		}
		c.put(resume, []byte("whole"))
		if got := ts.read("/f"); got != "half whole" {
			t.Errorf("%s: %q", resume, got)
		}
		c.command("DELE f", "250 ...")
	}
	// From earlier than where it was cut, to earlier than that too.
	c.cutUpload("STOR f", "0123456789")
	c.command("REST 3", "350 ...")
	c.put("STOR f", []byte("abc"))
	if got := ts.read("/f"); got != "012abc" {
		t.Errorf("got %q", got)
	}
	// One that begins anew forgets what there was.
	c.command("DELE f", "250 ...")
	c.cutUpload("STOR f", "0123456789")
	c.put("STOR f", []byte("x"))
	if got := ts.read("/f"); got != "x" {
		t.Errorf("got %q", got)
	}
}

func TestWithAtomicUploadsACompleteFileIsAppendedInPlace(t *testing.T) {
	t.Parallel()
	ts := atomicServer(t)
	ts.write("/f", "one")
	c := ts.login()
	c.put("APPE f", []byte("two"))
	c.command("REST 1", "350 ...")
	c.put("STOR f", []byte("NE"))
	if got := ts.read("/f"); got != "oNEtwo" {
		t.Errorf("got %q", got)
	}
	c.command("MKD dir", "257 ...")
	c.epsv()
	c.command("STOR dir", "550 Is a directory")
}

func TestLongNamesFitForAtomicUploadsToo(t *testing.T) {
	t.Parallel()
	ts := atomicServer(t)
	c := ts.login()
	name := strings.Repeat("n", 255)
	c.put("STOR "+name, []byte("data"))
	if got := ts.read("/" + name); got != "data" {
		t.Errorf("got %q", got)
	}
}
