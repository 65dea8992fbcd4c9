package ftp_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// FuzzSession lets a client say anything, after a login or before it. Each
// reply has to be well formed, the session has to end, and the data connections
// that it is told of are used.
func FuzzSession(f *testing.F) {
	f.Add(true, []byte("EPSV\r\nSTOR f\r\nEPSV\r\nRETR f\r\nEPSV\r\nMLSD\r\nQUIT\r\n"))
	f.Add(true, []byte("MKD d\r\nCWD d\r\nRNFR /hello\r\nRNTO x\r\nTYPE A\r\nPASV\r\nRETR x\r\nSTAT\r\nABOR\r\n"))
	f.Add(true, []byte("EPSV\r\nREST 3\r\nAPPE f\r\nHASH f\r\nXCRC \"f\" 1 2\r\nCOMB a f\r\nDSIZ\r\nAVBL\r\nSTAT /\r\n"))
	f.Add(true, []byte("MODE Z\r\nEPSV\r\nSTOR z\r\nEPSV\r\nNLST *\r\nSITE CHMOD 644 hello\r\nMFMT 20240101000000 hello\r\n"))
	f.Add(true, []byte("SITE SYMLINK / loop\r\nEPSV\r\nLIST -R\r\nMLST loop\r\nEPSV\r\nSTOU\r\nEPRT |1|127.0.0.1|2|\r\nLIST\r\n"))
	f.Add(false, []byte("HOST a\r\nAUTH TLS\r\n\x16\x03\x01garbage"))
	f.Add(false, []byte("FEAT\r\nHELP\r\nOPTS MLST type;\r\nUSER alice\r\nPASS secret\r\nREIN\r\nUSER bob\r\nPASS x\r\nNOOP"))
	f.Fuzz(func(t *testing.T, login bool, input []byte) {
		backend := newFiles(t)
		backend.quota.Store(1 << 20)
		if err := backend.write("/hello", []byte("hello, world\n")); err != nil {
			t.Fatal(err)
		}
		const short = 20 * time.Millisecond
		srv := ftp.New(ftp.Options{
			Backend: backend, TLSConfig: ftp.StaticTLS(serverTLS()),
			Passive: passive.NewPool(passive.Options{}), Advertise: loopback,
			Settings: ftp.Settings{TLS: ftp.TLSOptional, Limits: ftp.Limits{
				LoginTimeout: time.Second, IdleTimeout: time.Second,
				DataTimeout: short, StallTimeout: short, WriteTimeout: time.Second, PortWait: short,
			}},
		})
		ln := newPipeListener()
		go srv.Serve(ln, plain)
		conn := ln.connect()
		conn.SetDeadline(time.Now().Add(time.Minute))
		if login {
			input = append([]byte("USER alice\r\nPASS secret\r\nTYPE I\r\n"), input...)
		}
		go func() {
			conn.Write(append(input, "\r\n"...))
			conn.Write([]byte("QUIT\r\n"))
		}()
		checkReplies(t, conn)
		conn.Close()
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// checkReplies reads until the session ends, and connects wherever it is told.
func checkReplies(t *testing.T, conn net.Conn) {
	r := bufio.NewReader(conn)
	for more := ""; ; {
		line, err := r.ReadString('\n')
		if err != nil {
			if isTimeout(err) {
				t.Fatal("the session does not end")
			}
			return
		}
		if strings.HasPrefix(line, "\x15\x03") {
			return // a TLS alert
		}
		body, ok := strings.CutSuffix(line, "\r\n")
		if !ok || strings.ContainsAny(body, "\r\n") {
			t.Fatalf("not a line: %q", line)
		}
		switch {
		case more != "" && strings.HasPrefix(body, " "):
		case more != "" && strings.HasPrefix(body, more+" "):
			more = ""
		case more == "" && len(body) > 4 && strings.Trim(body[:3], "0123456789") == "" && body[3] == '-':
			more = body[:3]
		case more == "" && len(body) > 4 && strings.Trim(body[:3], "0123456789") == "" && body[3] == ' ':
		default:
			t.Fatalf("not a reply: %q", line)
		}
		if _, port, ok := strings.Cut(body, "(|||"); ok && strings.HasPrefix(body, "229 ") {
			go useData("127.0.0.1:" + strings.TrimSuffix(port, "|)"))
		}
	}
}

// useData sends a little and reads everything.
func useData(addr string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(conn, "some data\r\n")
	conn.(*net.TCPConn).CloseWrite()
	io.Copy(io.Discard, conn)
}
