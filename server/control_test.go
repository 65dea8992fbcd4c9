package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// A control is a control connection of FTP, line by line.
type control struct {
	i    *instance
	conn net.Conn
	in   *bufio.Reader
}

// control connects without TLS.
func (i *instance) control() *control {
	i.t.Helper()
	conn, err := net.DialTimeout("tcp", i.addrs["21"], deadline)
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { conn.Close() })
	c := &control{i, conn, bufio.NewReader(conn)}
	c.reply("220")
	return c
}

// user is a control connection that is logged in.
func (i *instance) user(name string) *control {
	i.t.Helper()
	c := i.control()
	c.command("USER "+name, "331")
	c.command("PASS right", "230")
	return c
}

func (c *control) send(lines ...string) {
	c.i.t.Helper()
	if _, err := io.WriteString(c.conn, strings.Join(lines, "\r\n")+"\r\n"); err != nil {
		c.i.t.Fatal(err)
	}
}

// next reads a reply, and returns its last line.
func (c *control) next() (string, error) {
	c.conn.SetReadDeadline(time.Now().Add(deadline))
	for code := ""; ; {
		line, err := c.in.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		switch {
		case err != nil:
			return line, err
		case code == "" && len(line) > 3 && line[3] == '-':
			code = line[:3]
		case code == "" || strings.HasPrefix(line, code+" "):
			return line, nil
		}
	}
}

// reply wants a reply that begins so.
func (c *control) reply(want string) string {
	c.i.t.Helper()
	line, err := c.next()
	if err != nil || !strings.HasPrefix(line, want) {
		c.i.t.Fatalf("got %q, %v; want %s", line, err, want)
	}
	return line
}

// command sends a command and wants a reply that begins so.
func (c *control) command(line, want string) string {
	c.i.t.Helper()
	c.send(line)
	return c.reply(want)
}

// data opens a passive data connection.
func (c *control) data() net.Conn {
	c.i.t.Helper()
	line := c.command("EPSV", "229")
	var port int
	if _, err := fmt.Sscanf(line[strings.Index(line, "(|||")+4:], "%d|", &port); err != nil {
		c.i.t.Fatalf("%s: %v", line, err)
	}
	host, _, _ := net.SplitHostPort(c.conn.RemoteAddr().String())
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, fmt.Sprint(port)), deadline)
	if err != nil {
		c.i.t.Fatal(err)
	}
	c.i.t.Cleanup(func() { conn.Close() })
	return conn
}
