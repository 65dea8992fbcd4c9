package ftp_test

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func TestABORIs226WhenIdleOrOnlyListening(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).login()
	c.command("ABOR", "226 ...")
	c.epsv()
	c.command("ABOR", "226 ...")
	c.command("LIST", "425 ...")
	c.data(c.epsv())
	c.command("ABOR", "226 ...")
}

func TestABORInATransferIs426AndThen226(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	ts := serve(t, plain, rec.hook)
	c := ts.login()
	conn := c.data(c.epsv())
	c.command("STOR f", "150 ...")
	io.WriteString(conn, "half of it")
	c.talk(`
		> ABOR
		< 426 Transfer aborted
		< 226 Abort successful`)
	if r := rec.lastTransfer(t, 1); r.Err == nil || r.Code != 426 {
		t.Errorf("%+v", r)
	}
	c.put("STOR f", []byte("all of it"))

	// A download that the client does not read.
	ts.write("/big", strings.Repeat("x", 64<<20))
	c.data(c.epsv())
	c.command("RETR big", "150 ...")
	c.talk("> ABOR\n< 426 ...\n< 226 ...")
}

func TestABORWhileTheDataConnectionIsAwaitedIs426AndThen226(t *testing.T) {
	t.Parallel()
	ts, pool := servePool(t, plain, tenPorts(), nil)
	c := ts.login()
	c.epsv()
	c.command("STOR f", "150 ...")
	c.talk("> ABOR\n< 426 ...\n< 226 ...")
	if s := pool.Stats(); s.Awaited != 0 {
		t.Errorf("%+v", s)
	}
}

func TestTelnetSequencesBeforeABORAreStripped(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).login()
	for _, sequence := range []string{
		"\xff\xf4\xff\xf2", // IAC IP IAC DM
		"\xff\xf4\xff",     // with the urgent byte taken out of the stream
		"\xff\xfb\x01",     // an option
		"",
	} {
		c.data(c.epsv())
		c.command("STOR f", "150 ...")
		c.sendRaw(sequence + "ABOR\r\n")
		c.expect("426 ...")
		c.expect("226 ...")
	}
}

func TestQUITInATransferFinishesIt(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	ts := serve(t, plain, rec.hook)
	c := ts.login()
	conn := c.data(c.epsv())
	c.command("STOR f", "150 ...")
	io.WriteString(conn, "first, ")
	c.send("QUIT")
	c.send("DELE f") // ignored
	io.WriteString(conn, "second")
	conn.Close()
	c.expect("226 ...")
	c.expect("221 ...")
	c.expectClosed()
	if got := ts.read("/f"); got != "first, second" {
		t.Errorf("got %q", got)
	}
	if r := rec.lastSession(t); r.Reason != "quit" || r.Uploaded != 13 {
		t.Errorf("%+v", r)
	}
}

func TestLosingTheControlConnectionAbortsTheTransfer(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	ts := serve(t, plain, rec.hook)
	c := ts.login()
	conn := c.data(c.epsv())
	c.command("STOR f", "150 ...")
	io.WriteString(conn, "half")
	eventually(t, "the half has arrived", func() bool {
		s := ts.Sessions()
		return len(s) == 1 && s[0].Transfer != nil && s[0].Transfer.Bytes == 4
	})
	c.conn.Close()
	if r := rec.lastTransfer(t, 1); r.Err == nil || r.Bytes != 4 {
		t.Errorf("%+v", r)
	}
	if r := rec.lastSession(t); r.Reason != "lost" {
		t.Errorf("%+v", r)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the data connection is still open: %v", err)
	}
}

func TestAfterAFailedSTORTheNextTransferWorks(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	c.command("MKD dir", "257 ...")
	for range 3 {
		c.data(c.epsv())
		c.command("STOR missing/f", "550 ...")
		c.data(c.epsv())
		c.command("STOR dir", "550 ...")
		c.put("STOR f", []byte("data"))
	}
}

func TestAPPECreatesAFileAndIgnoresREST(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	c.put("APPE f", []byte("one"))
	c.command("REST 1", "350 ...")
	c.put("APPE f", []byte("two"))
	if got := ts.read("/f"); got != "onetwo" {
		t.Errorf("got %q", got)
	}
	// REST held for that one transfer only.
	if got := string(c.get("RETR f")); got != "onetwo" {
		t.Errorf("got %q", got)
	}
}

func TestRESTResumesBothWays(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/f", "0123456789")
	c := ts.login()
	c.command("REST 7", "350 ...")
	if got := string(c.get("RETR f")); got != "789" {
		t.Errorf("RETR: %q", got)
	}
	// Clients send PASV between REST and the transfer, or before it.
	conn := c.data(c.epsv())
	c.command("REST 5", "350 ...")
	c.command("STOR f", "150 ...")
	io.WriteString(conn, "abc")
	conn.Close()
	c.expect("226 ...")
	if got := ts.read("/f"); got != "01234abc89" {
		t.Errorf("STOR: %q", got)
	}
	c.command("REST 11", "350 ...")
	c.epsv()
	c.command("RETR f", "554 ...")
	if got := string(c.get("RETR f")); got != "01234abc89" {
		t.Errorf("REST was not forgotten: %q", got)
	}
}

// sparse makes a file of zeros.
func (ts *testServer) sparse(name string, size int64) {
	ts.t.Helper()
	ts.write(name, "")
	if err := os.Truncate(filepath.Join(ts.fs.root.Name(), name), size); err != nil {
		ts.t.Fatal(err)
	}
}

func TestAnUploadFromBeyondTheEndLeavesNoHole(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/f", "12345")
	c := ts.login()
	for _, name := range []string{"f", "new"} {
		c.epsv()
		c.command("REST 6", "350 ...")
		c.command("STOR "+name, "554 ...")
	}
	if got := ts.read("/f"); got != "12345" {
		t.Errorf("got %q", got)
	}
	c.command("SIZE new", "550 ...")
	c.command("REST 5", "350 ...")
	c.put("STOR f", []byte("6"))
	if got := ts.read("/f"); got != "123456" {
		t.Errorf("at the end: got %q", got)
	}
}

func TestRESTResumesPast4GiB(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	const offset = 5 << 30
	ts.sparse("/big", offset)
	c.command("REST "+strconv.Itoa(offset), "350 ...")
	c.put("STOR big", []byte("the end"))
	c.command("SIZE big", "213 "+strconv.Itoa(offset+7))
	c.command("REST "+strconv.Itoa(offset+4), "350 ...")
	if got := string(c.get("RETR big")); got != "end" {
		t.Errorf("got %q", got)
	}
}

func TestCommandsAreAnsweredWhileATransferRuns(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	conn := c.data(c.epsv())
	c.command("STOR f", "150 ...")
	io.WriteString(conn, "12345")
	eventually(t, "STAT shows the progress", func() bool {
		c.command("STAT", "211-Status:")
		found := false
		for line := c.line(); line != "211 End"; line = c.line() {
			found = found || matches(line, " Running STOR /f: 5 bytes in ... s")
		}
		return found
	})
	c.command("NOOP", "200 ...")
	for _, cannot := range []string{"RETR f", "PASV", "STAT f", "CWD /", "USER alice"} {
		c.command(cannot, "503 ...")
	}
	conn.Close()
	c.expect("226 ...")
	c.command("PWD", "257 ...")
}

func TestACommandSentBeforeTheFinalReplyWaitsForIt(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	for range 50 {
		conn := c.data(c.epsv())
		c.command("STOR f", "150 ...")
		io.WriteString(conn, "data")
		conn.Close()
		c.send("SIZE f") // as soon as the data is out
		c.expect("226 ...")
		c.expect("213 4")
	}
}

func TestSTOUStoresUnderNamesOfItsOwn(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	for _, name := range []string{"f", "f.1", "f.2"} {
		conn := c.data(c.epsv())
		c.command("STOU f", "150 FILE: "+name)
		io.WriteString(conn, name)
		conn.Close()
		c.expect("226 Transfer complete (unique file name: " + name + ")")
		if got := ts.read("/" + name); got != name {
			t.Errorf("%s: %q", name, got)
		}
	}
	c.put("STOU", []byte("x"))
}

func TestCOMBJoinsParts(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	for name, data := range map[string]string{"/part 1": "one ", "/p2": "two ", "/p3": "three"} {
		ts.write(name, data)
	}
	c := ts.login()
	c.command(`COMB "whole" "part 1" p2 p3`, "250 ...")
	if got := ts.read("/whole"); got != "one two three" {
		t.Errorf("got %q", got)
	}
	c.command("SIZE p2", "550 ...")
	c.command("COMB whole whole", "553 ...")
}

func TestABORStopsALongHASH(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	ts.sparse("/huge", 1000000000000)
	c.send("HASH huge")
	c.command("NOOP", "200 ...")
	c.talk("> ABOR\n< 426 ...\n< 226 ...")
}

func TestAStalledTransferIsEnded(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, func(s *ftp.Options) { s.Limits.StallTimeout = 100 * time.Millisecond })
	c := ts.login()
	c.data(c.epsv())
	c.command("STOR f", "150 ...")
	c.expect("426 Data connection stalled...")
	ts.write("/big", strings.Repeat("x", 64<<20))
	c.data(c.epsv())
	c.command("RETR big", "150 ...")
	c.expect("426 Data connection stalled...")
}

func TestREINLetsATransferFinish(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/big", strings.Repeat("x", 8<<20))
	c := ts.login()
	conn := c.data(c.epsv())
	c.command("RETR big", "150 ...")
	c.send("REIN")
	download := conn
	time.AfterFunc(1100*time.Millisecond, func() { io.Copy(io.Discard, download) })
	c.talk(`
		< 226 ...
		< 220 ...
		> NLST
		< 530 ...`)
	c.login().put("STOR f", []byte("data"))

	// An upload is completed too.
	conn = c.data(c.epsv())
	c.command("STOR g", "150 ...")
	io.WriteString(conn, "half and ")
	c.send("REIN")
	io.WriteString(conn, "half")
	conn.Close()
	c.talk("< 226 ...\n< 220 ...")
	if got := ts.read("/g"); got != "half and half" {
		t.Errorf("%q", got)
	}
}
