//go:build unix

package ftp_test

import (
	"crypto/tls"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// sendUrgent sends s as urgent data: its last byte is marked as such.
func (c *client) sendUrgent(s string) {
	c.t.Helper()
	rc, err := c.conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		c.t.Fatal(err)
	}
	werr := rc.Write(func(fd uintptr) bool {
		_, err = syscall.SendmsgN(int(fd), []byte(s), nil, nil, syscall.MSG_OOB)
		return true
	})
	if werr != nil || err != nil {
		c.t.Fatal(werr, err)
	}
}

// urgentAborts are what clients send to abort a transfer.
var urgentAborts = map[string]func(c *client){
	"Python's ftplib and Ruby's net-ftp": func(c *client) { c.sendUrgent("ABOR\r\n") },
	"BSD's ftp, tnftp, inetutils and Perl's Net::FTP": func(c *client) {
		c.sendUrgent("\xff\xf4\xff")
		c.sendRaw("\xf2ABOR\r\n")
	},
	"one by one": func(c *client) {
		for _, b := range "\xff\xf4" {
			c.sendRaw(string([]byte{byte(b)}))
		}
		c.sendUrgent("\xf2")
		c.sendUrgent("ABOR\r\n")
	},
	"the data mark is urgent": func(c *client) {
		c.sendUrgent("\xff\xf4\xff\xf2")
		c.sendRaw("ABOR\r\n")
	},
	"a proxy has lost the line's end": func(c *client) { c.sendRaw("ABOR\r") },
	"a proxy has lost an IAC":         func(c *client) { c.sendRaw("\xff\xf4\xf2ABOR\r\n") },
	"a proxy has lost IAC and end":    func(c *client) { c.sendRaw("\xff\xf4\xf2abor\r") },
	"the line's end comes later": func(c *client) {
		c.sendRaw("ABOR\r")
		c.sendRaw("\n")
	},
}

func TestABORAsUrgentDataIs426AndThen226(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/big", strings.Repeat("x", 32<<20))
	for name, abort := range urgentAborts {
		c := ts.login()
		for _, command := range []string{"STOR f", "RETR big", "APPE f", "STOU"} {
			c.settle()
			c.data(c.epsv())
			c.command(command, "150 ...")
			abort(c)
			for _, want := range []string{"426 ...", "226 ..."} {
				if got := c.line(); !matches(got, want) {
					t.Fatalf("%s, %s: got %q, want %q", name, command, got, want)
				}
			}
		}
		abort(c)
		if got := c.line(); !matches(got, "226 ...") {
			t.Errorf("%s, idle: %q", name, got)
		}
		c.command("NOOP", "200 ...")
	}
}

// settle waits until what was aborted has ended. On a busy machine that may take longer
// than the client waits for its replies.
func (c *client) settle() {
	c.t.Helper()
	eventually(c.t, "what was aborted to end", func() bool {
		c.send("SIZE none")
		return !matches(c.line(), "450 The transfer that was aborted ...")
	})
}

func TestABORAsUrgentDataEndsAListing(t *testing.T) {
	t.Parallel()
	c := serveTree(t, &tree{folders: 20000, depth: 1, nameLen: 200}, nil).login()
	for name, abort := range urgentAborts {
		for _, command := range []string{"LIST", "NLST", "MLSD", "LIST -R"} {
			c.settle()
			conn := c.data(c.epsv())
			conn.(*net.TCPConn).SetReadBuffer(4096) // it is not read
			c.command(command, "150 ...")
			abort(c)
			if first := c.line(); !matches(first, "426 ...") && !matches(first, "226 Transfer complete") {
				t.Fatalf("%s, %s: %q", name, command, first)
			}
			if last := c.line(); !matches(last, "226 ...") {
				t.Fatalf("%s, %s: %q", name, command, last)
			}
		}
	}
	c.command("NOOP", "200 ...")
}

func TestABORAfterTelnetCommandsWorksOverTLS(t *testing.T) {
	t.Parallel()
	ts := serve(t, ftp.ListenerOptions{}, nil)
	ts.write("/big", strings.Repeat("x", 32<<20))
	config := clientTLS(0)
	c := ts.connect().startTLS(config).login().protectData(config)
	for _, abort := range []string{"ABOR\r\n", "\xff\xf4\xff\xf2ABOR\r\n", "\xff\xf4\xf2ABOR\r"} {
		for _, command := range []string{"RETR big", "STOR f"} {
			c.settle()
			c.start(command)
			c.sendRaw(abort)
			c.expect("426 ...")
			c.expect("226 ...")
		}
		c.sendRaw(abort)
		c.expect("226 ...")
	}
}

func TestASynchPastTheTLSOfTheControlConnectionIsDropped(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ts := serve(t, ftp.ListenerOptions{}, nil)
		ts.write("/big", strings.Repeat("x", 32<<20))
		config := clientTLS(version)
		c := ts.connect()
		below := *c
		c.startTLS(config).login().protectData(config)
		for _, command := range []string{"RETR big", "STOR f"} {
			c.start(command)
			below.sendUrgent("\xff\xf4\xff")
			c.sendRaw("\xf2ABOR\r\n")
			c.expect("426 ...")
			c.expect("226 ...")
		}
		below.sendRaw(strings.Repeat("\xff\xf4", 10000))
		c.command("NOOP", "200 ...")
		below.sendRaw("GET / HTTP/1.1\r\n\r\n")
		c.expectClosed()
	}
}

// Telnet's bytes are no part of a command, wherever in its line they are.
func TestTelnetCommandsAreNoPartOfALine(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).login()
	for _, line := range []string{
		"\xff\xf1NOOP", "NO\xff\xf1OP", "NOOP\xff\xf1", "\xff\xfb\x01NOOP", "NOOP\xff\xfd\x03", "\xff\xfa\x18\x00xterm\xff\xf0NOOP",
		"\xf2NOOP", "\xff\xff\xf2NOOP", "NOOP\xff",
	} {
		c.sendRaw(line + "\r\n")
		if got := c.line(); got != "200 OK" {
			t.Errorf("%q: %q", line, got)
		}
	}
	c.command("MKD a\xff\xffb", "257 \"/a\xffb\" created")
	c.command("MKD a\xff\xf1c", `257 "/ac" created`)
}
