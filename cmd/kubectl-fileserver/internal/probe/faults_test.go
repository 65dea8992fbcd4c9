package probe

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/cmd/kubectl-fileserver/internal/diagnose"
)

func wants(t *testing.T, finding *diagnose.Finding, attempts []diagnose.Attempt, want string) {
	t.Helper()
	if finding == nil || !strings.Contains(finding.Wrong, want) {
		t.Errorf("got %+v, want %q; attempts:", finding, want)
		for _, a := range attempts {
			t.Logf("%s %s %s %s: %s", a.Protocol, a.Where(), a.Mode, a.Told, a.Result())
		}
	}
}

// listen has each connection be handled.
func listen(t *testing.T, address string, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// closedPort is one on which nobody listens.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// deadPort is one that drops what comes, as a firewall does: a listener that accepts
// nothing, and whose queue is full.
func deadPort(t *testing.T) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := name.(*syscall.SockaddrInet4).Port
	for range 10 {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), 300*time.Millisecond)
		if err != nil {
			return port // it is full
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Skip("the queue of a listener does not get full here")
	return 0
}

// quiet keeps a connection, and says nothing.
func quiet(conn net.Conn) {
	buf := make([]byte, 64)
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

// fake is FTP without TLS by the book, but for what a test changes.
type fake map[string]string

func (f fake) handle(conn net.Conn) {
	say := func(command string) { fmt.Fprintf(conn, "%s\r\n", f[command]) }
	say("")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		command, _, _ := strings.Cut(lines.Text(), " ")
		say(command)
	}
}

func fakeFTP(change map[string]string) fake {
	f := fake{
		"": "220 Ready", "USER": "331 Password", "PASS": "230 In", "TYPE": "200 I", "QUIT": "221 Bye", "LIST": "150 Here\r\n226 Done",
		"AUTH": "234 Go on",
	}
	maps.Copy(f, change)
	return f
}

func epsvReply(port int) string { return fmt.Sprintf("229 Extended (|||%d|)", port) }

func pasvReply(address string, port int) string {
	return fmt.Sprintf("227 Passive (%s,%d,%d)", strings.ReplaceAll(address, ".", ","), port>>8, port&0xff)
}

func TestFaultsOnTheWayAreNamed(t *testing.T) {
	t.Parallel()
	// A data connection that is taken and closed is an empty folder.
	data := listen(t, "127.0.0.1:0", func(net.Conn) {})
	open := int(data.Port())
	good := map[string]string{"EPSV": epsvReply(open), "PASV": pasvReply("127.0.0.1", open)}
	with := func(more map[string]string) map[string]string {
		all := maps.Clone(good)
		maps.Copy(all, more)
		return all
	}
	foreign := listen(t, "127.0.0.1:0", func(conn net.Conn) { fmt.Fprint(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") })
	for name, c := range map[string]struct {
		replies map[string]string
		at      func() int // another listener than the fake
		tls     bool
		slots   []int
		want    string
	}{
		"nothing":                       {replies: good, slots: []int{open}},
		"a port that drops":             {at: func() int { return deadPort(t) }, want: "does not answer (nothing came)"},
		"a port that is closed":         {at: func() int { return closedPort(t) }, want: "does not answer (refused)"},
		"silence":                       {at: func() int { return int(listen(t, "127.0.0.1:0", quiet).Port()) }, want: "and then nothing comes"},
		"an end before the greeting":    {at: func() int { return open }, want: "closes them before the server says a word"},
		"another protocol":              {at: func() int { return int(foreign.Port()) }, want: "something else than ftp answers"},
		"a full server":                 {replies: map[string]string{"": "421 Too many"}, want: "greets with a refusal"},
		"AUTH TLS that is taken away":   {replies: map[string]string{"AUTH": "500 What?"}, tls: true, want: "AUTH TLS is refused"},
		"a user who is refused":         {replies: map[string]string{"PASS": "530 No"}, want: "alice is refused"},
		"a passive port that drops":     {replies: with(map[string]string{"EPSV": epsvReply(deadPort(t))}), want: "does not answer at 127.0.0.1 (nothing came), while others do"},
		"a passive port that is closed": {replies: with(map[string]string{"EPSV": epsvReply(closedPort(t))}), want: "does not answer at 127.0.0.1 (refused), while others do"},
		"another address told":          {replies: with(map[string]string{"PASV": pasvReply("127.0.0.9", open)}), slots: []int{open}, want: "The address told in PASV is 127.0.0.9"},
		"a port told that is none":      {replies: with(map[string]string{"EPSV": epsvReply(closedPort(t))}), slots: []int{open}, want: "which is none of the server's passive ports"},
		"a reply that was rewritten":    {replies: with(map[string]string{"PASV": "227 Passive (127,0,0,1,999,1)"}), want: "The answer to PASV"},
		"EPSV that is refused":          {replies: with(map[string]string{"EPSV": "500 What?"}), want: "EPSV is refused"},
		"no passive port to offer":      {replies: with(map[string]string{"EPSV": "425 None is free"}), want: "has no passive port to offer"},
		"a stranger's data connection":  {replies: with(map[string]string{"LIST": "150 Here\r\n425 Not yours"}), want: "takes it for a stranger's"},
		"a listing that never comes":    {replies: with(map[string]string{"EPSV": epsvReply(int(listen(t, "127.0.0.1:0", quiet).Port()))}), want: "no listing comes through it"},
		"a reply without an end":        {replies: with(map[string]string{"PASS": "230-" + strings.Repeat("x\r\n", 300)}), want: "fails"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := c.at
			if at == nil {
				at = func() int { return int(listen(t, "127.0.0.1:0", fakeFTP(c.replies).handle).Port()) }
			}
			port := at()
			o := Options{Password: "right", Timeout: 2 * time.Second, Expected: diagnose.Expected{
				Name: "partners", Ready: true, PlainFTP: !c.tls, User: &diagnose.User{Name: "alice", Ready: true},
				Endpoints: []diagnose.Endpoint{{Protocol: diagnose.FTP, Address: "127.0.0.1", Port: port}},
			}}
			if c.slots != nil {
				o.Expected.Slots = []diagnose.Slot{{Pod: "partners-0", Ports: c.slots}}
			}
			finding, attempts := verdict(o)
			if c.want != "" {
				wants(t, finding, attempts, c.want)
			} else if finding != nil {
				t.Errorf("nothing is wrong, and it says %+v", *finding)
			}
		})
	}
}

func TestAHostNameWithoutAddressIsNamed(t *testing.T) {
	t.Parallel()
	finding, attempts := verdict(Options{Timeout: 2 * time.Second, Expected: diagnose.Expected{
		Ready: true, Endpoints: []diagnose.Endpoint{{Protocol: diagnose.SFTP, Address: "no-such-host.invalid", Port: 22}},
	}})
	wants(t, finding, attempts, "The host name no-such-host.invalid")
}

func TestAServerThatIsNotTheOneInTheStatusGetsNoPassword(t *testing.T) {
	t.Parallel()
	o := start(t, "127.0.0.1")
	o.Expected.Certificate, o.Expected.HostKeys[0].Fingerprint = "aa11", "SHA256:other"
	_, attempts := verdict(o)
	for _, a := range attempts {
		if a.Mode != "" || a.Step == diagnose.LogIn {
			t.Errorf("somebody logged in: %+v", a)
		}
	}
	if len(attempts) != 3 {
		t.Errorf("got %d attempts", len(attempts))
	}
}
