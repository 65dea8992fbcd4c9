package ftp_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// servePool starts a server whose passive ports are on an address of its own,
// as is its control connection.
func servePool(t *testing.T, listener ftp.ListenerOptions, opts passive.Options, change func(*ftp.Options)) (*testServer, *passive.Pool) {
	t.Helper()
	opts.ListenAddr = ownAddress()
	pool := passive.NewPool(opts)
	ts := serveOn(t, netip.AddrPortFrom(opts.ListenAddr, 0).String(), listener, func(s *ftp.Options) {
		s.Passive = pool
		if change != nil {
			change(s)
		}
	})
	return ts, pool
}

func tenPorts() passive.Options { return passive.Options{First: 40000, Last: 40009} }

func TestANewPASVDropsThePreviousOne(t *testing.T) {
	t.Parallel()
	ts, pool := servePool(t, plain, tenPorts(), nil)
	c := ts.login()
	for range 50 {
		c.epsv()
		c.pasv()
	}
	if s := pool.Stats(); s.Awaited != 1 {
		t.Errorf("after many PASV: %+v", s)
	}
	addr := c.epsv()
	c.command("PORT "+portArgument(c.conn.LocalAddr().(*net.TCPAddr).IP, 50000), "200 ...")
	if s := pool.Stats(); s.Awaited != 0 {
		t.Errorf("after PORT: %+v", s)
	}
	expectNobodyAt(t, c, addr)
}

func TestAPassiveConnectionIsInPlaceOfAnActiveOne(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/f", "data")
	c := ts.login()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	at := ln.Addr().(*net.TCPAddr)
	for _, command := range []string{"PORT " + portArgument(at.IP, at.Port), fmt.Sprintf("EPRT |1|127.0.0.1|%d|", at.Port)} {
		c.command(command, "200 ...")
		if got := string(c.get("RETR f")); got != "data" {
			t.Errorf("got %q", got)
		}
	}
	// Had the server connected, this would not be the first to be accepted.
	own := c.data(at.String())
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.RemoteAddr().String() != own.LocalAddr().String() {
		t.Errorf("%s connected to the client as well", conn.RemoteAddr())
	}
}

func TestEPSVTakesTheFamiliesThatThereAre(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.login().talk(`
		> EPSV 1
		< 229 ...
		> EPSV 2
		< 229 ...
		> EPSV ALL
		< 200 ...
		> EPSV
		< 229 ...
		> EPSV 1
		< 229 ...
		> PASV
		< 5...`)
	ts, _ = servePool(t, plain, tenPorts(), nil) // which listens on one address
	ts.login().talk(`
		> EPSV 1
		< 229 ...
		> EPSV 2
		< 522 Network protocol not supported, use (1)`)
}

// expectNobodyAt wants a connection to a port to be refused or closed.
func expectNobodyAt(t *testing.T, c *client, addr string) {
	t.Helper()
	local, _, _ := net.SplitHostPort(c.conn.LocalAddr().String())
	conn, err := dialFrom(local, addr)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("somebody is there still: %v", err)
	}
}

func TestAPortThatIsNotNeededIsClosedAfterAMoment(t *testing.T) {
	t.Parallel()
	ts, pool := servePool(t, plain, passive.Options{First: 40000, Last: 40099}, nil)
	ts.write("/f", "data")
	c := ts.login()
	for range 5 {
		c.get("RETR f")
	}
	if s := pool.Stats(); s.Open != 1 {
		t.Errorf("five transfers in a row did not share a port: %+v", s)
	}
	addr := c.epsv()
	c.command("ABOR", "226 ...")
	expectNobodyAt(t, c, addr)
	eventually(t, "the port is closed", func() bool { return pool.Stats().Open == 0 })
	c.get("RETR f")
}

func TestATransferWithoutADataConnectionIs425(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/f", "data")
	c := ts.login()
	c.command("RETR f", "425 Use PASV, EPSV, PORT or EPRT first")
	c.get("RETR f")
	c.command("RETR f", "425 Use PASV, EPSV, PORT or EPRT first") // one PASV is one transfer

	ts.set(func(s *ftp.Settings) { s.Limits = ftp.Limits{DataTimeout: 50 * time.Millisecond} })
	c.epsv()
	c.command("RETR f", "150 ...")
	c.expect("425 No data connection was made")
}

func TestAPortIsHeldOnlyWhileAConnectionIsAwaited(t *testing.T) {
	t.Parallel()
	ts, pool := servePool(t, plain, tenPorts(), nil)
	c := ts.login()
	conn := c.data(c.epsv())
	eventually(t, "the port is free again", func() bool { return pool.Stats().Awaited == 0 })
	c.command("STOR f", "150 ...")
	if s := pool.Stats(); s.Awaited != 0 {
		t.Errorf("during the transfer: %+v", s)
	}
	conn.Close()
	c.expect("226 ...")

	ts.set(func(s *ftp.Settings) { s.Limits = ftp.Limits{DataTimeout: 50 * time.Millisecond} })
	c.epsv()
	eventually(t, "a port is given up that nobody comes to", func() bool { return pool.Stats().Awaited == 0 })
	ts.set(func(s *ftp.Settings) { s.Limits = ftp.Limits{} })
	c.epsv()
	c.command("QUIT", "221 ...")
	eventually(t, "the port of a session that ends is free", func() bool { return pool.Stats().Awaited == 0 })
	if s := pool.Stats(); s.Arrived != 1 || s.Expired != 1 || s.Granted != 3 {
		t.Errorf("%+v", s)
	}
}

func TestAStrayConnectionIsClosedAndTheWaitGoesOn(t *testing.T) {
	t.Parallel()
	ts, pool := servePool(t, plain, tenPorts(), nil)
	ts.write("/f", "data")
	c := ts.login()
	addr := c.epsv()
	for range 5 {
		stray, err := dialFrom("127.0.0.2", addr)
		if err != nil {
			t.Fatal(err)
		}
		stray.SetDeadline(time.Now().Add(patience))
		if _, err := stray.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Errorf("a stray was not closed: %v", err)
		}
		stray.Close()
	}
	c.command("RETR f", "150 ...")
	stray, err := dialFrom("127.0.0.2", addr)
	if err != nil {
		t.Fatal(err)
	}
	stray.Close()
	conn := c.data(addr)
	if data, _ := io.ReadAll(conn); string(data) != "data" {
		t.Errorf("got %q", data)
	}
	c.expect("226 ...")
	if s := pool.Stats(); s.Strays < 5 {
		t.Errorf("%+v", s)
	}
}

func TestAConnectionIsOnlyForTheCommandThatItWasMadeFor(t *testing.T) {
	t.Parallel()
	opts := tenPorts()
	opts.Last = opts.First
	ts, pool := servePool(t, plain, opts, nil)
	ts.write("/f", "data")
	c := ts.login()
	get := func(conn net.Conn) {
		t.Helper()
		c.command("RETR f", "150 ...")
		if data, err := io.ReadAll(conn); string(data) != "data" {
			t.Errorf("got %q, %v", data, err)
		}
		c.expect("226 ...")
	}
	abandoned := c.data(c.epsv())
	addr := c.epsv()
	conn, extra := c.data(addr), c.data(addr)
	get(conn)
	get(c.data(c.epsv()))
	for _, conn := range []net.Conn{abandoned, extra} {
		conn.SetDeadline(time.Now().Add(patience))
		if n, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Errorf("one too many: %d, %v", n, err)
		}
	}
	// The abandoned one has arrived where the pool has looked for it before the
	// second EPSV; else it is a stray.
	if s := pool.Stats(); s.Arrived < 2 || s.Arrived > 3 || s.Arrived+s.Strays != 4 || s.Awaited != 0 {
		t.Errorf("%+v", s)
	}
}

func TestARangeOfOnePortWorks(t *testing.T) {
	t.Parallel()
	ts, _ := servePool(t, plain, passive.Options{First: 40000, Last: 40000}, nil)
	ts.write("/f", "data")
	for range 3 {
		c := ts.login()
		for range 3 {
			if got := string(c.get("RETR f")); got != "data" {
				t.Fatalf("got %q", got)
			}
		}
	}
}

func TestExhaustionIs425AndNeverAPortOutsideTheRange(t *testing.T) {
	t.Parallel()
	ts, pool := servePool(t, plain, passive.Options{First: 40000, Last: 40001},
		func(s *ftp.Options) { s.Limits.PortWait = 20 * time.Millisecond })
	a, b, c := ts.login(), ts.login(), ts.login()
	for _, holder := range []*client{a, b} {
		if _, port, _ := net.SplitHostPort(holder.epsv()); port != "40000" && port != "40001" {
			t.Errorf("told port %s", port)
		}
	}
	c.command("EPSV", "425 No passive port is free, try again later")
	c.command("PASV", "425 No passive port is free, try again later")
	if s := pool.Stats(); s.Exhausted != 2 {
		t.Errorf("%+v", s)
	}
	a.command("ABOR", "226 ...")
	c.epsv()
}

func TestAPortThatSomethingElseHasIsSkipped(t *testing.T) {
	t.Parallel()
	opts := passive.Options{First: 40000, Last: 40001}
	ts, _ := servePool(t, plain, opts, func(s *ftp.Options) { s.Limits.PortWait = 20 * time.Millisecond })
	host, _, _ := net.SplitHostPort(ts.addr)
	taken, err := net.Listen("tcp", net.JoinHostPort(host, "40000"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c, d := ts.login(), ts.login()
	for range 5 {
		if _, port, _ := net.SplitHostPort(c.epsv()); port != "40001" {
			t.Fatalf("told port %s", port)
		}
	}
	d.command("EPSV", "425 ...")
}

func TestAWideRangeOpensNoPortBeforeItIsNeeded(t *testing.T) {
	t.Parallel()
	ts, pool := servePool(t, plain, passive.Options{First: 20000, Last: 36000}, nil)
	ts.write("/f", "data")
	if s := pool.Stats(); s.Ports != 16001 || s.Open != 0 {
		t.Errorf("%+v", s)
	}
	c := ts.login()
	c.epsv()
	if s := pool.Stats(); s.Open != 1 {
		t.Errorf("%+v", s)
	}
	c.get("RETR f")
}

func portArgument(ip net.IP, port int) string {
	ip = ip.To4()
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d", ip[0], ip[1], ip[2], ip[3], port>>8, port&0xff)
}

func TestWhoHasLeftWaitsForNoPort(t *testing.T) {
	t.Parallel()
	ts, pool := servePool(t, plain, passive.Options{First: 40000, Last: 40000}, func(s *ftp.Options) {
		s.Limits.PortWait = time.Hour
	})
	holder, leaver := ts.login(), ts.login()
	holder.epsv()
	leaver.send("EPSV")
	eventually(t, "it waits for a port", func() bool { return pool.Stats().Queued == 1 })
	leaver.conn.Close()
	eventually(t, "it waits no more", func() bool { return pool.Stats().Queued == 0 && len(ts.Sessions()) == 1 })
}
