package ftp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

func TestPortsAndAddressesAreAdvertisedAsMapped(t *testing.T) {
	t.Parallel()
	opts := passive.Options{First: 40000, Last: 40000, Advertised: map[uint16]uint16{40000: 30123}}
	var unknown atomic.Bool
	ts, pool := servePool(t, plain, opts, func(s *ftp.Options) {
		s.Advertise = func(_ context.Context, c *ftp.Conn, extended bool) (netip.Addr, error) {
			switch {
			case extended:
				return netip.Addr{}, nil
			case unknown.Load():
				return netip.Addr{}, errors.New("no such host: balancer.internal")
			case c.RemoteAddr().Addr() == netip.MustParseAddr("127.0.0.9"):
				return netip.MustParseAddr("10.1.2.3"), nil
			}
			return netip.MustParseAddr("198.51.100.7"), nil
		}
	})
	c := ts.login()
	c.command("PASV", "227 Entering Passive Mode (198,51,100,7,117,171)")
	c.command("EPSV", "229 Entering Extended Passive Mode (|||30123|)")
	inside := ts.dial("127.0.0.9")
	inside.expect("220 ...")
	inside.login().command("PASV", "227 Entering Passive Mode (10,1,2,3,117,171)")

	// New options hold for the next command.
	opts.Advertised = map[uint16]uint16{40000: 31000}
	host, _, _ := net.SplitHostPort(ts.addr)
	opts.ListenAddr = netip.MustParseAddr(host)
	pool.Update(opts)
	unknown.Store(true)
	c.command("EPSV", "229 Entering Extended Passive Mode (|||31000|)")
	c.command("PASV", "425 No passive address is known, try again later")
	if !strings.Contains(ts.log.String(), "balancer.internal") {
		t.Error("the failure is not in the log")
	}
}

func TestEPSVWorksOverIPv6AndPASVSaysWhatToUse(t *testing.T) {
	t.Parallel()
	if ln, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here:", err)
	} else {
		ln.Close()
	}
	ts := serveOn(t, "[::1]:0", plain, nil)
	ts.write("/f", "data")
	c := ts.login()
	c.command("PASV", "425 PASV is for IPv4: use EPSV")
	if got := string(c.get("RETR f")); got != "data" {
		t.Errorf("got %q", got)
	}
	c.command("EPSV 2", "229 ...")
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c.command(fmt.Sprintf("EPRT |2|::1|%d|", ln.Addr().(*net.TCPAddr).Port), "200 ...")
	c.command("RETR f", "150 ...")
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if data, _ := io.ReadAll(conn); string(data) != "data" {
		t.Errorf("active: %q", data)
	}
	c.expect("226 ...")
}
