package server

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestTheAddressThatIsAdvertised(t *testing.T) {
	inside := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	node := netip.MustParseAddr("192.0.2.7")
	for name, tc := range map[string]struct {
		rules  []config.AdvertiseRule
		node   netip.Addr
		client string
		want   string // empty: an error
	}{
		"without rules it is where the client connected": {client: "203.0.113.1", want: "127.0.0.1"},
		"a rule for all": {rules: []config.AdvertiseRule{{Addresses: []string{"198.51.100.1"}}}, client: "203.0.113.1", want: "198.51.100.1"},
		"the first rule that matches counts": {
			rules:  []config.AdvertiseRule{{Clients: inside, Addresses: []string{"10.9.9.9"}}, {Addresses: []string{"198.51.100.1"}}},
			client: "10.1.1.1", want: "10.9.9.9",
		},
		"a client outside gets the next rule": {
			rules:  []config.AdvertiseRule{{Clients: inside, Addresses: []string{"10.9.9.9"}}, {Addresses: []string{"198.51.100.1"}}},
			client: "203.0.113.1", want: "198.51.100.1",
		},
		"PASV cannot tell IPv6":                 {rules: []config.AdvertiseRule{{Addresses: []string{"2001:db8::1", "198.51.100.1"}}}, client: "203.0.113.1", want: "198.51.100.1"},
		"IPv6 alone is an error":                {rules: []config.AdvertiseRule{{Addresses: []string{"2001:db8::1"}}}, client: "203.0.113.1"},
		"the node's address":                    {rules: []config.AdvertiseRule{{Addresses: []string{config.NodeAddress}}}, node: node, client: "203.0.113.1", want: "192.0.2.7"},
		"an unknown node's address is an error": {rules: []config.AdvertiseRule{{Addresses: []string{config.NodeAddress}}}, client: "203.0.113.1"},
		"a host name is resolved":               {rules: []config.AdvertiseRule{{Addresses: []string{"lb.example.com"}}}, client: "203.0.113.1", want: "198.51.100.9"},
		"an unknown host name is an error":      {rules: []config.AdvertiseRule{{Addresses: []string{"no.example.com"}}}, client: "203.0.113.1"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAdvertiser(tc.node)
			a.set(&config.Passive{Advertise: tc.rules})
			a.lookup = func(_ context.Context, _, host string) ([]netip.Addr, error) {
				if host == "lb.example.com" {
					return []netip.Addr{netip.MustParseAddr("198.51.100.9")}, nil
				}
				return nil, errors.New("no such host")
			}
			got, err := a.address(t.Context(), netip.MustParseAddr(tc.client), netip.MustParseAddr("127.0.0.1"))
			if tc.want == "" {
				if err == nil {
					t.Fatalf("got %s, want an error", got)
				}
				return
			}
			if err != nil || got.String() != tc.want {
				t.Errorf("got %s, %v; want %s", got, err, tc.want)
			}
		})
	}
}

func TestResolvedNamesAreCachedAndOutliveTheirServer(t *testing.T) {
	a := newAdvertiser(netip.Addr{})
	now := time.Unix(0, 0)
	a.now = func() time.Time { return now }
	answers, asked := []string{"198.51.100.1", "198.51.100.2"}, 0
	a.lookup = func(context.Context, string, string) ([]netip.Addr, error) {
		asked++
		if asked > len(answers) {
			return nil, errors.New("timed out")
		}
		return []netip.Addr{netip.MustParseAddr(answers[asked-1])}, nil
	}
	for i, step := range []struct {
		after time.Duration
		want  string
		asked int
	}{
		{0, "198.51.100.1", 1},
		{resolvedFor - 1, "198.51.100.1", 1}, // cached
		{1, "198.51.100.2", 2},               // asked again
		{resolvedFor, "198.51.100.2", 3},     // the server is away
	} {
		now = now.Add(step.after)
		got, err := a.resolve(t.Context(), "lb.example.com")
		if err != nil || got.String() != step.want || asked != step.asked {
			t.Errorf("step %d: got %s, %v after %d lookups; want %s after %d", i, got, err, asked, step.want, step.asked)
		}
	}
}

func TestNoPortIsAdvertisedBeforeAllWaysKnowOfTheServer(t *testing.T) {
	start := time.Unix(0, 0)
	for name, tc := range map[string]struct {
		visit, ask time.Duration // after the start
		want       time.Duration // how long it waits
	}{
		"at the first visit":               {visit: time.Second, ask: time.Second, want: time.Minute},
		"a while later":                    {visit: time.Second, ask: 21 * time.Second, want: 40 * time.Second},
		"after the delay":                  {visit: time.Second, ask: 61 * time.Second},
		"where nobody has come for long":   {visit: time.Hour, ask: time.Hour},
		"where nobody has come for a time": {visit: 20 * time.Minute, ask: 20 * time.Minute, want: time.Minute},
	} {
		now := start
		var slept time.Duration
		a := newAdvertiser(netip.Addr{})
		a.started, a.now = start, func() time.Time { return now }
		a.sleep = func(_ context.Context, d time.Duration) error { slept = d; return nil }
		a.set(&config.Passive{AdvertiseAfter: config.Duration(time.Minute)})
		now = start.Add(tc.visit)
		a.visit()
		now = start.Add(tc.ask)
		a.visit() // which is not the first any more
		if err := a.wait(t.Context()); err != nil || slept != tc.want {
			t.Errorf("%s it waits for %v, not %v: %v", name, slept, tc.want, err)
		}
	}
}

func TestWhoHasLeftWaitsForNoPortToBeAdvertised(t *testing.T) {
	a := newAdvertiser(netip.Addr{})
	a.set(&config.Passive{AdvertiseAfter: config.Duration(time.Hour)})
	a.visit()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
