package server

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// resolved addresses of host names are kept this long. Balancers that are
// named by a host name change addresses rarely, and keep the old ones a while.
const resolvedFor = 30 * time.Second

// teller finds the address that a client is told in a PASV reply.
type teller struct {
	node   netip.Addr // of the pod's node; invalid if unknown
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	now    func() time.Time

	mu    sync.Mutex
	rules []config.TellRule
	names map[string]resolvedName
}

type resolvedName struct {
	addr netip.Addr
	at   time.Time
}

func newTeller(node netip.Addr) *teller {
	return &teller{
		node:   node,
		lookup: net.DefaultResolver.LookupNetIP,
		now:    time.Now,
		names:  map[string]resolvedName{},
	}
}

// set replaces the rules. Names that were resolved stay known.
func (t *teller) set(rules []config.TellRule) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rules = rules
}

// tell returns the IPv4 address for the client, or local if no rule is for it.
func (t *teller) tell(ctx context.Context, client, local netip.Addr) (netip.Addr, error) {
	t.mu.Lock()
	rules := t.rules
	t.mu.Unlock()
	for _, rule := range rules {
		if matches(rule.Clients, client) {
			return t.first(ctx, rule.Addresses)
		}
	}
	return local, nil
}

// matches reports whether the client is of one of the networks, or there are none.
func matches(networks []netip.Prefix, client netip.Addr) bool {
	client = client.Unmap().WithZone("") // networks have neither IPv4 in IPv6 nor zones
	for _, n := range networks {
		if n.Contains(client) {
			return true
		}
	}
	return len(networks) == 0
}

// first returns the first of the addresses that is, or resolves to, IPv4.
func (t *teller) first(ctx context.Context, addresses []string) (netip.Addr, error) {
	var last error
	for _, a := range addresses {
		addr, err := t.resolve(ctx, a)
		if err == nil && addr.Unmap().Is4() {
			return addr.Unmap(), nil
		}
		if err != nil {
			last = err
		}
	}
	if last == nil {
		last = fmt.Errorf("none of %q is an IPv4 address", addresses)
	}
	return netip.Addr{}, fmt.Errorf("finding the passive address: %w", last)
}

func (t *teller) resolve(ctx context.Context, address string) (netip.Addr, error) {
	if address == config.NodeAddress {
		if !t.node.IsValid() {
			return netip.Addr{}, fmt.Errorf("the node's address is not known; start the server with --%s", config.FlagNodeAddress)
		}
		return t.node, nil
	}
	if addr, err := netip.ParseAddr(address); err == nil {
		return addr, nil
	}
	t.mu.Lock()
	known, ok := t.names[address]
	t.mu.Unlock()
	if ok && t.now().Sub(known.at) < resolvedFor {
		return known.addr, nil
	}
	addrs, err := t.lookup(ctx, "ip4", address)
	switch {
	case err == nil && len(addrs) > 0:
		t.mu.Lock()
		t.names[address] = resolvedName{addrs[0], t.now()}
		t.mu.Unlock()
		return addrs[0], nil
	case ok:
		// A DNS server that is away for a moment stops no transfer.
		return known.addr, nil
	case err != nil:
		return netip.Addr{}, err
	}
	return netip.Addr{}, fmt.Errorf("%s has no IPv4 address", address)
}
