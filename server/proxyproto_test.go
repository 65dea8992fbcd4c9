package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The balancer is at 127.0.0.1, everybody else is outside.
const (
	inside  = "127.0.0.1"
	outside = "127.0.0.2"
)

// patient has the server wait for a header for longer than any test waits.
func patient(i *instance) { i.wait = 10 * deadline }

func startBehindBalancer(t *testing.T, change ...func(*instance)) *instance {
	t.Helper()
	return start(t, append(change, func(i *instance) {
		if i.wait == 0 {
			i.wait = 3 * time.Second // a busy machine may keep a header for some time
		}
		i.config.ProxyProtocolFrom = []netip.Prefix{netip.MustParsePrefix(inside + "/32")}
		if err := os.Mkdir(i.config.Storage.Root+"/alice", 0o755); err != nil {
			t.Fatal(err)
		}
	})...)
}

// wireConn is one end of a control or data connection.
type wireConn struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (i *instance) dialFrom(from, addr string) *wireConn {
	i.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: deadline}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(deadline))
	return &wireConn{conn, i.t, bufio.NewReader(conn)}
}

// command sends a line, unless it is empty, and returns the last line of the reply.
func (c *wireConn) command(line string) string {
	c.t.Helper()
	if line != "" {
		io.WriteString(c, line+"\r\n")
	}
	for {
		reply, err := c.r.ReadString('\n')
		if err != nil {
			return err.Error()
		}
		if len(reply) > 3 && reply[3] == ' ' && reply[0] != ' ' {
			return strings.TrimRight(reply, "\r\n")
		}
	}
}

func TestClientsOutsideOfTheTrustedNetworksAreGreetedAtOnce(t *testing.T) {
	i := startBehindBalancer(t, patient)
	for range 2 {
		c := i.dialFrom(outside, i.addrs["21"])
		if got := c.command(""); !strings.HasPrefix(got, "220 ") {
			t.Fatal(got)
		}
		c.command("USER alice")
		if got := c.command("PASS right"); !strings.HasPrefix(got, "230 ") {
			t.Fatal(got)
		}
		if got := c.command("STAT"); !strings.HasPrefix(got, "211 ") {
			t.Fatal(got)
		}
		_, port, _ := strings.Cut(c.command("EPSV"), "|||")
		data := i.dialFrom(outside, net.JoinHostPort(outside, strings.TrimSuffix(port, "|)")))
		if got := c.command("NLST"); !strings.HasPrefix(got, "150 ") {
			t.Fatal(got)
		}
		io.ReadAll(data)
		if got := c.command(""); !strings.HasPrefix(got, "226 ") {
			t.Fatal(got)
		}
	}
	ssh := i.dialFrom(outside, i.addrs["22"])
	if line, err := ssh.r.ReadString('\n'); !strings.HasPrefix(line, "SSH-2.0-") {
		t.Fatal(line, err)
	}
}

func TestAFileFromOutsideMayLookLikeAHeader(t *testing.T) {
	i := startBehindBalancer(t)
	c := i.dialFrom(outside, i.addrs["21"])
	for _, line := range []string{"", "USER alice", "PASS right", "TYPE I"} {
		c.command(line)
	}
	_, port, _ := strings.Cut(c.command("EPSV"), "|||")
	data := i.dialFrom(outside, net.JoinHostPort(outside, strings.TrimSuffix(port, "|)")))
	c.command("STOR f")
	const content = "PROXY TCP4 203.0.113.7 192.0.2.1 4000 21\r\nmore"
	io.WriteString(data, content)
	data.Close()
	if got := c.command(""); !strings.HasPrefix(got, "226 ") {
		t.Fatal(got)
	}
	if b, err := os.ReadFile(i.config.Storage.Root + "/alice/f"); string(b) != content {
		t.Errorf("%q, %v", b, err)
	}
}

func TestClientsInsideWithoutAHeaderAreGreetedAfterAShortWait(t *testing.T) {
	i := startBehindBalancer(t)
	c := i.dialFrom(inside, i.addrs["21"])
	if got := c.command(""); !strings.HasPrefix(got, "220 ") {
		t.Fatal(got)
	}
	c.command("USER alice")
	if got := c.command("PASS right"); !strings.HasPrefix(got, "230 ") {
		t.Fatal(got)
	}
	_, port, _ := strings.Cut(c.command("EPSV"), "|||")
	data := i.dialFrom(inside, net.JoinHostPort(inside, strings.TrimSuffix(port, "|)")))
	c.command("NLST")
	io.ReadAll(data)
	if got := c.command(""); !strings.HasPrefix(got, "226 ") {
		t.Fatal(got)
	}
}

// A header is believed from the balancer only, once, and in time. What is not
// believed ends the connection: nothing may be done as somebody else.
func TestHeadersAreBelievedOfTheBalancerOnly(t *testing.T) {
	i := startBehindBalancer(t, func(i *instance) {
		i.users.Users[0].AllowedSources = []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32")}
	})
	const (
		header = "PROXY TCP4 203.0.113.7 192.0.2.1 4000 21\r\n"
		other  = "PROXY TCP4 198.51.100.9 192.0.2.1 4000 21\r\n"
		v2     = "\r\n\r\n\x00\r\nQUIT\n"
	)
	for name, tc := range map[string]struct {
		from, head string
		in         bool
	}{
		"the balancer":                      {inside, header, true},
		"the balancer, version 2":           {inside, v2 + "\x21\x11\x00\x0c\xcb\x00\x71\x07\xc0\x00\x02\x01\x0f\xa0\x00\x15", true},
		"the balancer, IPv4 in IPv6":        {inside, "PROXY TCP6 ::ffff:203.0.113.7 ::1 4000 21\r\n", true},
		"the balancer, of another client":   {inside, other, false},
		"the balancer, and a second header": {inside, other + header, false},
		"the balancer, without an address":  {inside, "PROXY UNKNOWN\r\n", false},
		"the balancer, a health check":      {inside, v2 + "\x20\x00\x00\x00", false},
		"the balancer, of a Unix socket":    {inside, v2 + "\x21\x31\x00\xd8" + strings.Repeat("a", 216), false},
		"the balancer, of a datagram":       {inside, v2 + "\x21\x12\x00\x0c\xcb\x00\x71\x07\xc0\x00\x02\x01\x0f\xa0\x00\x15", false},
		"the balancer, half a header":       {inside, "PROXY TCP4 203.0", false},
		"somebody else":                     {outside, header, false},
		"somebody else, version 2":          {outside, v2 + "\x21\x11\x00\x0c\xcb\x00\x71\x07\xc0\x00\x02\x01\x0f\xa0\x00\x15", false},
	} {
		c := i.dialFrom(tc.from, i.addrs["21"])
		io.WriteString(c, tc.head+"USER alice\r\nPASS right\r\nQUIT\r\n")
		b, _ := io.ReadAll(c)
		if in := strings.Contains(string(b), "230 "); in != tc.in {
			t.Errorf("%s: logged in: %v; %q", name, in, b)
		}
	}
}

func TestAHeaderThatComesLateEndsTheConnection(t *testing.T) {
	i := startBehindBalancer(t)
	for name, from := range map[string]string{"inside": inside, "outside": outside} {
		c := i.dialFrom(from, i.addrs["21"])
		if got := c.command(""); !strings.HasPrefix(got, "220 ") {
			t.Fatal(name, got)
		}
		fmt.Fprint(c, "PROXY TCP4 203.0.113.7 192.0.2.1 4000 21\r\nUSER alice\r\nPASS right\r\n")
		if b, _ := io.ReadAll(c); strings.Contains(string(b), "331") {
			t.Errorf("%s: %q", name, b)
		}
	}
}

func TestNoClientHoldsUpOthersWhileItsHeaderIsAwaited(t *testing.T) {
	i := startBehindBalancer(t, patient)
	for range 50 {
		i.dialFrom(inside, i.addrs["21"])
	}
	c := i.dialFrom(inside, i.addrs["21"])
	fmt.Fprint(c, "PROXY TCP4 203.0.113.7 192.0.2.1 4000 21\r\n")
	if got := c.command(""); !strings.HasPrefix(got, "220 ") {
		t.Error(got)
	}
}

func TestUrgentDataReachesTheServerThroughTheBalancer(t *testing.T) {
	i := startBehindBalancer(t)
	c := i.dialFrom(inside, i.addrs["21"])
	fmt.Fprint(c, "PROXY TCP4 127.0.0.3 192.0.2.1 4000 21\r\n")
	for _, line := range []string{"", "USER alice", "PASS right", "EPSV", "STOR f"} {
		c.command(line)
	}
	rc, err := c.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		data  string
		flags int
	}{{"\xff\xf4\xff", syscall.MSG_OOB}, {"\xf2ABOR\r\n", 0}} {
		_ = rc.Write(func(fd uintptr) bool {
			_, err = syscall.SendmsgN(int(fd), []byte(step.data), nil, nil, step.flags)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"426 ", "226 "} {
		if got := c.command(""); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
