package conns_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

type limits struct {
	sessions int
	wait     time.Duration
}

func complete(l limits) limits {
	conns.Default(&l.sessions, 5)
	conns.Default(&l.wait, time.Minute)
	return l
}

func TestALimitThatIsNotGivenHasADefaultAndANegativeOneIsNone(t *testing.T) {
	t.Parallel()
	l := conns.NewLimits(limits{wait: -1}, complete)
	var own conns.Own[limits]
	if got := *own.Of(l); got != (limits{5, 0}) {
		t.Errorf("in force: %+v", got)
	}
}

func TestAConnectionChangesTheLimitsThatWereGivenToTheServer(t *testing.T) {
	t.Parallel()
	l := conns.NewLimits(limits{sessions: 1}, complete)
	var own, other conns.Own[limits]
	own.Change(func(given limits) limits {
		if given.wait == 0 { // as it was given, and without the default
			given.sessions += 10
		}
		return given
	})
	for _, step := range []struct {
		do   func()
		want limits
	}{
		{func() {}, limits{11, time.Minute}},
		{func() { l.Set(limits{sessions: 2}) }, limits{12, time.Minute}},
		{func() { own.Change(func(given limits) limits { given.wait = -1; return given }) }, limits{2, 0}},
		{func() { own.Change(nil) }, limits{2, time.Minute}},
	} {
		step.do()
		if got := *own.Of(l); got != step.want {
			t.Errorf("in force: %+v, not %+v", got, step.want)
		}
	}
	if got := *other.Of(l); got != (limits{2, time.Minute}) {
		t.Errorf("another connection has %+v", got)
	}
}

func TestWhoWaitsForNewLimitsIsTold(t *testing.T) {
	t.Parallel()
	l := conns.NewLimits(limits{}, complete)
	replaced := l.Replaced()
	select {
	case <-replaced:
		t.Fatal("they are replaced already")
	default:
	}
	l.Set(limits{})
	await(t, "they are replaced", replaced)
}

func TestAnAddressHasNoZoneAndIPv4IsNoPartOfIPv6(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	for name, tc := range map[string]struct {
		addr net.Addr
		want netip.AddrPort
	}{
		"IPv4 in IPv6": {&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1"), Port: 21}, netip.MustParseAddrPort("192.0.2.1:21")},
		"link-local":   {&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 22, Zone: "eth0"}, netip.MustParseAddrPort("[fe80::1]:22")},
		"another type": {&net.UDPAddr{IP: net.ParseIP("192.0.2.1"), Port: 53}, netip.MustParseAddrPort("192.0.2.1:53")},
		"a pipe":       {a.RemoteAddr(), netip.AddrPort{}},
		"none":         {nil, netip.AddrPort{}},
	} {
		if got := conns.AddrPort(tc.addr); got != tc.want {
			t.Errorf("%s: %v, not %v", name, got, tc.want)
		}
	}
}
