package ftp_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
)

// A dialogue is the client's side of a control connection for goroutines
// other than the test's own, where a test may not be failed at once.
type dialogue struct {
	w     io.Writer
	r     *bufio.Reader
	reply string // the last line
}

func newDialogue(conn io.ReadWriter) *dialogue {
	return &dialogue{w: conn, r: bufio.NewReader(conn)}
}

// step sends a command, unless it is empty, and reads its reply, which must
// not be an error.
func (d *dialogue) step(command string) error {
	if command != "" {
		if _, err := io.WriteString(d.w, command+"\r\n"); err != nil {
			return err
		}
	}
	for {
		line, err := d.r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("after %q: %w", command, err)
		}
		d.reply = strings.TrimSpace(line)
		if len(d.reply) < 4 || d.reply[3] != ' ' || line[0] == ' ' {
			continue
		}
		if d.reply[0] > '3' {
			return fmt.Errorf("%q was answered %q", command, d.reply)
		}
		return nil
	}
}

// protect starts TLS on the control connection.
func (d *dialogue) protect(conn net.Conn, config *tls.Config) (*dialogue, error) {
	tc := tls.Client(conn, config)
	return newDialogue(tc), tc.Handshake()
}

// data makes a data connection.
func (d *dialogue) data(host string) (net.Conn, error) {
	if err := d.step("EPSV"); err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(d.reply, "|||")
	return net.Dial("tcp", net.JoinHostPort(host, strings.TrimSuffix(port, "|)")))
}

// protectConn returns TLS over a data connection.
func protectConn(conn net.Conn, config *tls.Config) *tls.Conn { return tls.Client(conn, config) }
