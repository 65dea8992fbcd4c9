package server

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestToldAddress(t *testing.T) {
	inside := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	node := netip.MustParseAddr("192.0.2.7")
	for name, tc := range map[string]struct {
		rules  []config.TellRule
		node   netip.Addr
		client string
		want   string // empty: an error
	}{
		"without rules it is where the client connected": {client: "203.0.113.1", want: "127.0.0.1"},
		"a rule for all": {rules: []config.TellRule{{Addresses: []string{"198.51.100.1"}}}, client: "203.0.113.1", want: "198.51.100.1"},
		"the first rule that matches counts": {
			rules:  []config.TellRule{{Clients: inside, Addresses: []string{"10.9.9.9"}}, {Addresses: []string{"198.51.100.1"}}},
			client: "10.1.1.1", want: "10.9.9.9",
		},
		"a client outside gets the next rule": {
			rules:  []config.TellRule{{Clients: inside, Addresses: []string{"10.9.9.9"}}, {Addresses: []string{"198.51.100.1"}}},
			client: "203.0.113.1", want: "198.51.100.1",
		},
		"PASV cannot tell IPv6":                 {rules: []config.TellRule{{Addresses: []string{"2001:db8::1", "198.51.100.1"}}}, client: "203.0.113.1", want: "198.51.100.1"},
		"IPv6 alone is an error":                {rules: []config.TellRule{{Addresses: []string{"2001:db8::1"}}}, client: "203.0.113.1"},
		"the node's address":                    {rules: []config.TellRule{{Addresses: []string{config.NodeAddress}}}, node: node, client: "203.0.113.1", want: "192.0.2.7"},
		"an unknown node's address is an error": {rules: []config.TellRule{{Addresses: []string{config.NodeAddress}}}, client: "203.0.113.1"},
		"a host name is resolved":               {rules: []config.TellRule{{Addresses: []string{"lb.example.com"}}}, client: "203.0.113.1", want: "198.51.100.9"},
		"an unknown host name is an error":      {rules: []config.TellRule{{Addresses: []string{"no.example.com"}}}, client: "203.0.113.1"},
	} {
		t.Run(name, func(t *testing.T) {
			teller := newTeller(tc.node)
			teller.set(tc.rules)
			teller.lookup = func(_ context.Context, _, host string) ([]netip.Addr, error) {
				if host == "lb.example.com" {
					return []netip.Addr{netip.MustParseAddr("198.51.100.9")}, nil
				}
				return nil, errors.New("no such host")
			}
			got, err := teller.tell(t.Context(), netip.MustParseAddr(tc.client), netip.MustParseAddr("127.0.0.1"))
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
	teller := newTeller(netip.Addr{})
	now := time.Unix(0, 0)
	teller.now = func() time.Time { return now }
	answers, asked := []string{"198.51.100.1", "198.51.100.2"}, 0
	teller.lookup = func(context.Context, string, string) ([]netip.Addr, error) {
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
		got, err := teller.resolve(t.Context(), "lb.example.com")
		if err != nil || got.String() != step.want || asked != step.asked {
			t.Errorf("step %d: got %s, %v after %d lookups; want %s after %d", i, got, err, asked, step.want, step.asked)
		}
	}
}
