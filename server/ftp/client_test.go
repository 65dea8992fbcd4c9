package ftp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A client is the client's side of a control connection.
type client struct {
	t        *testing.T
	ts       *testServer
	conn     net.Conn
	r        *bufio.Reader
	tls      *tls.Config // for data connections; nil without protection
	resumed  bool        // whether the last data connection was
	exchange tls.CurveID // of keys, on the last data connection
}

// connect connects and reads the greeting.
func (ts *testServer) connect() *client {
	ts.t.Helper()
	c := ts.dial("")
	c.expect("220 ...")
	return c
}

// dial connects from a local address, if it is given.
func (ts *testServer) dial(from string) *client {
	ts.t.Helper()
	dial := func() (net.Conn, error) { return dialFrom(from, ts.addr) }
	if ts.pipes != nil {
		dial = ts.pipes.Dial
	}
	conn, err := dial()
	if err != nil {
		ts.t.Fatal(err)
	}
	ts.t.Cleanup(func() { conn.Close() })
	return &client{t: ts.t, ts: ts, conn: conn, r: bufio.NewReader(conn)}
}

func dialFrom(from, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: patience}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	return d.Dial("tcp", addr)
}

// login connects and logs in.
func (ts *testServer) login() *client {
	ts.t.Helper()
	return ts.connect().login()
}

func (c *client) login() *client {
	c.t.Helper()
	c.talk(`
		> USER alice
		< 331 ...
		> PASS secret
		< 230 ...
		> TYPE I
		< 200 ...`)
	return c
}

// talk holds a conversation: lines after ">" are sent, those after "<" are
// expected, in which "..." stands for anything. A prompt is followed by one
// space, which is no part of the line.
func (c *client) talk(conversation string) {
	c.t.Helper()
	for line := range strings.Lines(conversation) {
		line = strings.TrimLeft(strings.TrimRight(line, "\n"), "\t")
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case line == ">" || strings.HasPrefix(line, "> "):
			c.send(strings.TrimPrefix(line[1:], " "))
		case strings.HasPrefix(line, "< "):
			c.expect(line[2:])
		default:
			c.t.Fatalf("neither > nor <: %q", line)
		}
	}
}

func (c *client) send(line string) {
	c.t.Helper()
	c.sendRaw(line + "\r\n")
}

func (c *client) sendRaw(s string) {
	c.t.Helper()
	c.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatalf("sending %.40q: %v", s, err)
	}
}

// expect reads one line and compares it.
func (c *client) expect(pattern string) string {
	c.t.Helper()
	line := c.line()
	if !matches(line, pattern) {
		c.t.Fatalf("got %q, want %q", line, pattern)
	}
	return line
}

func (c *client) line() string {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(patience))
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("reading a reply: %v (after %q)", err, line)
	}
	if !strings.HasSuffix(line, "\r\n") {
		c.t.Fatalf("%q does not end in CR LF", line)
	}
	return strings.TrimSuffix(line, "\r\n")
}

// matches compares with "..." standing for anything.
func matches(s, pattern string) bool {
	parts := strings.Split(pattern, "...")
	for i, part := range parts {
		var ok bool
		switch {
		case i == 0:
			s, ok = strings.CutPrefix(s, part)
		case i == len(parts)-1:
			ok = strings.HasSuffix(s, part)
		default:
			_, s, ok = strings.Cut(s, part)
		}
		if !ok {
			return false
		}
	}
	return len(parts) > 1 || s == ""
}

// expectClosed wants the server to have closed the connection.
func (c *client) expectClosed() {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(patience))
	if line, err := c.r.ReadString('\n'); err == nil {
		c.t.Fatalf("got %q, want the connection closed", line)
	} else if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		c.t.Fatal("the connection is still open")
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// command sends a command and expects a reply.
func (c *client) command(line, reply string) string {
	c.t.Helper()
	c.send(line)
	return c.expect(reply)
}

// epsv returns the address for a data connection.
func (c *client) epsv() string {
	c.t.Helper()
	line := c.command("EPSV", "229 Entering Extended Passive Mode (|||...|)")
	port := strings.TrimSuffix(strings.TrimPrefix(line, "229 Entering Extended Passive Mode (|||"), "|)")
	host, _, _ := net.SplitHostPort(c.conn.RemoteAddr().String())
	return net.JoinHostPort(host, port)
}

// pasv returns the address for a data connection.
func (c *client) pasv() string {
	c.t.Helper()
	line := c.command("PASV", "227 Entering Passive Mode (...,...,...,...,...,...)")
	inner := line[strings.IndexByte(line, '(')+1 : len(line)-1]
	n := strings.Split(inner, ",")
	hi, _ := strconv.Atoi(n[4])
	lo, _ := strconv.Atoi(n[5])
	return fmt.Sprintf("%s:%d", strings.Join(n[:4], "."), hi<<8|lo)
}

// data connects to an address that PASV or EPSV gave.
func (c *client) data(addr string) net.Conn {
	c.t.Helper()
	local, _, _ := net.SplitHostPort(c.conn.LocalAddr().String())
	conn, err := dialFrom(local, addr)
	if err != nil {
		c.t.Fatalf("data connection: %v", err)
	}
	c.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// protect does the TLS handshake of a data connection, if it has one.
func (c *client) protect(conn net.Conn) net.Conn {
	c.t.Helper()
	if c.tls == nil {
		return conn
	}
	tc := tls.Client(&endConn{Conn: conn}, c.tls)
	if err := tc.Handshake(); err != nil {
		c.t.Fatalf("TLS handshake of the data connection: %v", err)
	}
	c.resumed, c.exchange = tc.ConnectionState().DidResume, tc.ConnectionState().CurveID
	return tc
}

// An endConn tells an end without close_notify, which is io.EOF for crypto/tls
// too: that one is read here, and close_notify comes before it.
type endConn struct {
	net.Conn
	ended bool
}

func (e *endConn) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	if err == io.EOF {
		e.ended = true
	}
	return n, err
}

// readAll reads a data connection, which with TLS has to end in close_notify.
func (c *client) readAll(conn net.Conn) []byte {
	c.t.Helper()
	data, err := io.ReadAll(conn)
	if err != nil {
		c.t.Fatalf("reading a data connection: %v", err)
	}
	if tc, ok := conn.(*tls.Conn); ok && tc.NetConn().(*endConn).ended {
		c.t.Fatal("a data connection ends without close_notify")
	}
	return data
}

// start starts a transfer, and returns its data connection: with TLS if it has
// that, and without.
func (c *client) start(command string) (tc, raw net.Conn) {
	c.t.Helper()
	raw = c.data(c.epsv())
	c.command(command, "150 ...")
	return c.protect(raw), raw
}

// get sends a command that downloads, and returns what comes.
func (c *client) get(command string) []byte {
	c.t.Helper()
	tc, _ := c.start(command)
	data := c.readAll(tc)
	c.expect("226 ...")
	tc.Close()
	return data
}

// put sends a command that uploads.
func (c *client) put(command string, data []byte) {
	c.t.Helper()
	tc, _ := c.start(command)
	if _, err := io.Copy(tc, bytes.NewReader(data)); err != nil {
		c.t.Fatalf("%s: %v", command, err)
	}
	tc.Close()
	c.expect("226 ...")
}

// lines splits a listing, in which every line has to end in CR LF.
func lines(t *testing.T, listing []byte) []string {
	t.Helper()
	text := string(listing)
	if text == "" {
		return nil
	}
	if !strings.HasSuffix(text, "\r\n") || strings.Count(text, "\n") != strings.Count(text, "\r\n") {
		t.Fatalf("not every line ends in CR LF: %q", text)
	}
	return strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")
}

// startTLS protects the control connection, and with it data connections.
func (c *client) startTLS(config *tls.Config) *client {
	c.t.Helper()
	c.command("AUTH TLS", "234 ...")
	return c.handshake(config)
}

func (c *client) handshake(config *tls.Config) *client {
	c.t.Helper()
	tc := tls.Client(c.conn, config)
	if err := tc.Handshake(); err != nil {
		c.t.Fatalf("TLS handshake: %v", err)
	}
	c.conn, c.r = tc, bufio.NewReader(tc)
	return c
}

func (c *client) protectData(config *tls.Config) *client {
	c.t.Helper()
	c.talk(`
		> PBSZ 0
		< 200 PBSZ=0
		> PROT P
		< 200 ...`)
	c.tls = config
	return c
}
