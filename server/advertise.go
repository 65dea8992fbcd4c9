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

// advertiser finds the address that is advertised to a client in the reply to PASV,
// and waits until the ports of this server may be advertised at all.
type advertiser struct {
	node    netip.Addr // of the pod's node; invalid if unknown
	lookup  func(ctx context.Context, network, host string) ([]netip.Addr, error)
	now     func() time.Time
	sleep   func(ctx context.Context, d time.Duration) error
	started time.Time

	mu      sync.Mutex
	rules   []config.AdvertiseRule
	names   map[string]resolvedName
	delay   time.Duration // config.Passive.AdvertiseAfter
	visited time.Time     // when the first control connection came
}

type resolvedName struct {
	addr netip.Addr
	at   time.Time
}

func newAdvertiser(node netip.Addr) *advertiser {
	return &advertiser{
		node:    node,
		lookup:  net.DefaultResolver.LookupNetIP,
		now:     time.Now,
		sleep:   sleep,
		started: time.Now(),
		names:   map[string]resolvedName{},
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// set replaces the rules and the delay. Names that were resolved stay known.
func (a *advertiser) set(c *config.Passive) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules, a.delay = c.Advertise, time.Duration(c.AdvertiseAfter)
}

// visit notes a control connection. The first one shows that the way by which it came
// leads here. A data connection may come by another way (by another node), which
// learns of a new server a little later: so ports are advertised after a delay.
func (a *advertiser) visit() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.visited.IsZero() {
		a.visited = a.now()
	}
}

// alone is after how many delays without a visitor a server is known everywhere.
const alone = 20

// wait waits until ports may be advertised.
func (a *advertiser) wait(ctx context.Context) error {
	a.mu.Lock()
	left := a.visited.Add(a.delay).Sub(a.now())
	if a.visited.Sub(a.started) > alone*a.delay {
		left = 0
	}
	a.mu.Unlock()
	if left <= 0 {
		return nil
	}
	return a.sleep(ctx, left)
}

// address returns the IPv4 address for the client, or local if no rule is for it.
func (a *advertiser) address(ctx context.Context, client, local netip.Addr) (netip.Addr, error) {
	a.mu.Lock()
	rules := a.rules
	a.mu.Unlock()
	for _, rule := range rules {
		if matches(rule.Clients, client) {
			return a.first(ctx, rule.Addresses)
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
func (a *advertiser) first(ctx context.Context, addresses []string) (netip.Addr, error) {
	var last error
	for _, address := range addresses {
		addr, err := a.resolve(ctx, address)
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

func (a *advertiser) resolve(ctx context.Context, address string) (netip.Addr, error) {
	if address == config.NodeAddress {
		if !a.node.IsValid() {
			return netip.Addr{}, fmt.Errorf("the node's address is not known; start the server with --%s", config.FlagNodeAddress)
		}
		return a.node, nil
	}
	if addr, err := netip.ParseAddr(address); err == nil {
		return addr, nil
	}
	a.mu.Lock()
	known, ok := a.names[address]
	a.mu.Unlock()
	if ok && a.now().Sub(known.at) < resolvedFor {
		return known.addr, nil
	}
	addrs, err := a.lookup(ctx, "ip4", address)
	switch {
	case err == nil && len(addrs) > 0:
		a.mu.Lock()
		a.names[address] = resolvedName{addrs[0], a.now()}
		a.mu.Unlock()
		return addrs[0], nil
	case ok:
		// A DNS server that is away for a moment stops no transfer.
		return known.addr, nil
	case err != nil:
		return netip.Addr{}, err
	}
	return netip.Addr{}, fmt.Errorf("%s has no IPv4 address", address)
}
