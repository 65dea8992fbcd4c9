package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// control is a control connection of FTP.
type control struct {
	conn    net.Conn
	reader  *bufio.Reader
	tls     *tls.Config // nil: data connections are without TLS
	timeout time.Duration

	loggedIn bool
}

func newControl(conn net.Conn, timeout time.Duration) *control {
	return &control{conn: conn, reader: bufio.NewReader(conn), timeout: timeout}
}

// over has the connection go on as another one, with TLS.
func (c *control) over(conn net.Conn) {
	c.conn, c.reader = conn, bufio.NewReader(conn)
}

// response reads a reply, of which the lines before the last one do not count.
func (c *control) response() (code int, text string, err error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, "", err
	}
	first := 0
	for range 200 { // lines
		line, err := c.line()
		if err != nil {
			return 0, "", err
		}
		n, err := strconv.Atoi(line[:min(len(line), 3)])
		ends := err == nil && len(line) >= 3 && (len(line) == 3 || line[3] == ' ')
		switch {
		case first == 0 && (err != nil || len(line) < 3 || n < 100):
			return 0, "", &foreignError{shorten(line)}
		case ends && (first == 0 || n == first):
			return n, strings.TrimSpace(line[3:]), nil
		case first == 0:
			first = n
		}
	}
	return 0, "", &malformedError{"a reply without an end"}
}

func (c *control) line() (string, error) {
	line, prefix, err := c.reader.ReadLine()
	if prefix {
		return "", &foreignError{shorten(string(line))}
	}
	return string(line), err
}

func shorten(s string) string {
	const shown = 80
	return s[:min(len(s), shown)]
}

// command sends a line and reads the reply, which has to be one of the wanted codes.
func (c *control) command(line string, want ...int) (string, error) {
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(c.conn, "%s\r\n", line); err != nil {
		return "", err
	}
	return c.expect(want...)
}

func (c *control) expect(want ...int) (string, error) {
	code, text, err := c.response()
	if err != nil {
		return "", err
	}
	if !slices.Contains(want, code) {
		return "", &replyError{code, text}
	}
	return text, nil
}

// pasv asks for a passive port (RFC 959).
func (c *control) pasv() (netip.AddrPort, error) {
	text, err := c.command("PASV", 227)
	if err != nil {
		return netip.AddrPort{}, err
	}
	var b [6]uint16
	open := strings.IndexByte(text, '(')
	if open < 0 {
		return netip.AddrPort{}, &malformedError{shorten(text)}
	}
	n, err := fmt.Sscanf(text[open:], "(%d,%d,%d,%d,%d,%d)", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5])
	if err != nil || n != len(b) {
		return netip.AddrPort{}, &malformedError{shorten(text)}
	}
	for _, v := range b {
		if v > 255 {
			return netip.AddrPort{}, &malformedError{shorten(text)}
		}
	}
	addr := netip.AddrFrom4([4]byte{byte(b[0]), byte(b[1]), byte(b[2]), byte(b[3])})
	return netip.AddrPortFrom(addr, b[4]<<8|b[5]), nil
}

// epsv asks for a passive port (RFC 2428).
func (c *control) epsv(ip netip.Addr) (netip.AddrPort, error) {
	text, err := c.command("EPSV", 229)
	if err != nil {
		return netip.AddrPort{}, err
	}
	_, inner, ok := strings.Cut(text, "(|||")
	digits, _, closed := strings.Cut(inner, "|)")
	port, err := strconv.ParseUint(digits, 10, 16)
	if !ok || !closed || err != nil || port == 0 {
		return netip.AddrPort{}, &malformedError{shorten(text)}
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}

// protect begins TLS.
func (c *control) protect(ctx context.Context, config *tls.Config) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn := tls.Client(c.conn, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, err
	}
	c.over(conn)
	c.tls = config
	return conn.ConnectionState(), nil
}

// login logs in, and has data connections be as the control connection is.
func (c *control) login(user, password string) error {
	_, err := c.command("USER "+user, 331, 230)
	if err == nil {
		_, err = c.command("PASS "+password, 230)
	}
	if err == nil && c.tls != nil {
		if _, err = c.command("PBSZ 0", 200); err == nil {
			_, err = c.command("PROT P", 200)
		}
	}
	if err == nil {
		_, err = c.command("TYPE I", 200)
	}
	return err
}

func (c *control) quit() {
	_, err := c.command("QUIT", 221)
	_ = errors.Join(err, c.conn.Close()) // it is over either way
}
