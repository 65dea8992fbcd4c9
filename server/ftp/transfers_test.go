package ftp_test

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// recorder collects the records of transfers and sessions.
type recorder struct {
	mu        sync.Mutex
	transfers []ftp.TransferRecord
	sessions  []ftp.SessionRecord
	logins    []ftp.LoginRecord
}

func (r *recorder) hook(s *ftp.Server) {
	s.Hooks.TransferEnd = func(_ *ftp.Conn, t ftp.TransferRecord) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.transfers = append(r.transfers, t)
	}
	s.Hooks.Disconnect = func(_ *ftp.Conn, sr ftp.SessionRecord) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sessions = append(r.sessions, sr)
	}
	s.Hooks.Login = func(_ *ftp.Conn, l ftp.LoginRecord) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.logins = append(r.logins, l)
	}
}

func (r *recorder) lastTransfer(t *testing.T, n int) ftp.TransferRecord {
	t.Helper()
	var last ftp.TransferRecord
	eventually(t, fmt.Sprintf("%d transfers are recorded", n), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.transfers) >= n {
			last = r.transfers[n-1]
		}
		return len(r.transfers) >= n
	})
	return last
}

func (r *recorder) lastSession(t *testing.T) ftp.SessionRecord {
	t.Helper()
	var last ftp.SessionRecord
	eventually(t, "a session is recorded", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.sessions) > 0 {
			last = r.sessions[len(r.sessions)-1]
		}
		return len(r.sessions) > 0
	})
	return last
}

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
	ts := serve(t, plain, func(s *ftp.Server) { rec.hook(s); s.AtomicUploads = true })
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
	if _, err := ts.fs.ReadFile("/f"); err == nil {
		t.Error("an incomplete upload has its name")
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

func TestRESTResumesPast4GiB(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	const offset = 5 << 30
	c.command("REST "+strconv.Itoa(offset), "350 ...")
	c.put("STOR big", []byte("the end"))
	c.command("SIZE big", "213 "+strconv.Itoa(offset+7))
	c.command("REST "+strconv.Itoa(offset+4), "350 ...")
	if got := string(c.get("RETR big")); got != "end" {
		t.Errorf("got %q", got)
	}
}

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
	ts := serve(t, plain, func(s *ftp.Server) { s.BinaryASCII = true })
	ts.write("/f", "one\ntwo\n")
	c := ts.login()
	c.command("TYPE A", "200 ...")
	c.command("SIZE f", "213 8")
	c.command("REST 4", "350 ...")
	if got := string(c.get("RETR f")); got != "two\n" {
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
		c.expect("226 ...")
		if got := ts.read("/" + name); got != name {
			t.Errorf("%s: %q", name, got)
		}
	}
	c.put("STOU", []byte("x"))
}

func TestMODEZCompresses(t *testing.T) {
	t.Parallel()
	tests := []string{"", "x", strings.Repeat("compress me, ", 100_000)}
	ts := serve(t, plain, func(s *ftp.Server) { s.Deflate = true })
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
	c.command("REST 1000000000000", "350 ...")
	c.put("STOR huge", []byte("x"))
	c.send("HASH huge")
	c.command("NOOP", "200 ...")
	c.talk("> ABOR\n< 426 ...\n< 226 ...")
}

func TestRecordsTellWhatHappened(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	ts := serve(t, ftp.ListenerOptions{Name: "ftp"}, rec.hook)
	config := clientTLS(0)
	c := ts.connect().startTLS(config).login().protectData(config)
	c.put("STOR f", []byte("0123456789"))
	c.command("REST 4", "350 ...")
	c.get("RETR f")
	up, down := rec.lastTransfer(t, 1), rec.lastTransfer(t, 2)
	if up.Verb != "STOR" || up.Path != "/f" || up.Direction != ftp.Upload || up.Bytes != 10 || up.Err != nil || up.Code != 226 || !up.Passive || !up.TLSResumed {
		t.Errorf("%+v", up)
	}
	if version, cipher := up.TLS(); version != "TLS 1.3" || cipher == "" {
		t.Errorf("%q %q", version, cipher)
	}
	if down.Verb != "RETR" || down.Direction != ftp.Download || down.Bytes != 6 || down.Offset != 4 {
		t.Errorf("%+v", down)
	}
	c.command("CLNT Example", "200 ...")
	if s := ts.Sessions(); len(s) != 1 || s[0].User != "alice" || !s[0].TLS || s[0].LastVerb != "CLNT" ||
		s[0].ClientName != "Example" || s[0].Listener != "ftp" || s[0].Transfer != nil {
		t.Errorf("%+v", s)
	}
	c.command("QUIT", "221 ...")
	if r := rec.lastSession(t); r.User != "alice" || r.Uploaded != 10 || r.Downloaded != 6 || r.TLSVersion == 0 {
		t.Errorf("%+v", r)
	}
}

func TestAStalledTransferIsEnded(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, func(s *ftp.Server) { s.Limits.StallTimeout = 100 * time.Millisecond })
	c := ts.login()
	c.data(c.epsv())
	c.command("STOR f", "150 ...")
	c.expect("426 Data connection stalled...")
	ts.write("/big", strings.Repeat("x", 64<<20))
	c.data(c.epsv())
	c.command("RETR big", "150 ...")
	c.expect("426 Data connection stalled...")
}

func TestActiveTransfersLeaveFromTheDataPortSeveralAtATime(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	ts := serve(t, ftp.ListenerOptions{TLS: ftp.TLSOptional, DataPort: uint16(port)}, nil)
	const n = 8
	conns := make([]net.Conn, n)
	clients := make([]*client, n)
	for i := range n {
		c := ts.login()
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		at := ln.Addr().(*net.TCPAddr)
		if i%2 == 0 {
			c.command("PORT "+portArgument(at.IP, at.Port), "200 ...")
		} else {
			c.command(fmt.Sprintf("EPRT |1|127.0.0.1|%d|", at.Port), "200 ...")
		}
		c.command(fmt.Sprintf("STOR f%d", i), "150 ...")
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if from := conn.RemoteAddr().(*net.TCPAddr).Port; from != port {
			t.Errorf("comes from port %d, want %d", from, port)
		}
		conns[i], clients[i] = conn, c
	}
	for i, c := range clients {
		fmt.Fprintf(conns[i], "data %d", i)
		conns[i].Close()
		c.expect("226 ...")
		if got := ts.read(fmt.Sprintf("/f%d", i)); got != fmt.Sprintf("data %d", i) {
			t.Errorf("got %q", got)
		}
	}
}

func TestActiveTransfersOverTLS(t *testing.T) {
	t.Parallel()
	ts := serve(t, ftp.ListenerOptions{Implicit: true, DataPort: uint16(freePort(t))}, nil)
	ts.write("/f", "data")
	config := clientTLS(0)
	c := ts.dial("").handshake(config)
	c.expect("220 ...")
	c.login()
	c.tls = config
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for range 3 { // to the same port of the client each time
		at := ln.Addr().(*net.TCPAddr)
		c.command("PORT "+portArgument(at.IP, at.Port), "200 ...")
		c.command("RETR f", "150 ...")
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if data, _ := io.ReadAll(c.protect(conn)); string(data) != "data" || !c.resumed {
			t.Errorf("got %q, resumed %v", data, c.resumed)
		}
		c.expect("226 ...")
		conn.Close()
	}
}

func TestPORTAndEPRTGoToThePeerOnlyAndToPortsFrom1024(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).login()
	c.talk(`
		> PORT 127,0,0,2,200,10
		< 504 ...
		> PORT 127,0,0,1,3,255
		< 504 ...
		> EPRT |1|192.0.2.1|51210|
		< 504 ...
		> EPRT |1|127.0.0.1|1023|
		< 504 ...
		> EPRT |2|::ffff:127.0.0.1|51210|
		< 200 ...
		> PORT 127,0,0,1,4,0
		< 200 ...`)
}

func TestAnActiveConnectionThatCannotBeMadeIs425(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	c.command("PORT "+portArgument(net.IPv4(127, 0, 0, 1), freePort(t)), "200 ...")
	c.command("LIST", "150 ...")
	c.expect("425 ...")
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}
