package check

import (
	"errors"
	"net/netip"
	"strings"
)

// ParseNetwork reads a network, or an address as a network of one.
func ParseNetwork(text string) (netip.Prefix, error) {
	text = strings.TrimSpace(text)
	if p, err := netip.ParsePrefix(text); err == nil {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		return p.Masked(), nil
	}
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.Prefix{}, errors.New("is neither an address nor a network, such as 192.0.2.7 or 10.0.0.0/8")
}

// nowhere has no address from which anybody could come (RFC 1122 section 3.2.1.3).
var nowhere = netip.PrefixFrom(netip.IPv4Unspecified(), 32)

// Sources reads the networks from which a user may log in. Of one that cannot be
// read, the index in texts is in bad. If there were some and none could be read,
// the user may log in from nowhere, and not from anywhere.
func Sources(texts []string) (networks []netip.Prefix, bad []int) {
	for i, text := range texts {
		network, err := ParseNetwork(text)
		if err != nil {
			bad = append(bad, i)
			continue
		}
		networks = append(networks, network)
	}
	if len(texts) > 0 && len(networks) == 0 {
		networks = []netip.Prefix{nowhere}
	}
	return networks, bad
}

// Overlap reports whether one of the networks has one of the addresses.
func Overlap(networks []netip.Prefix, addresses []string) bool {
	for _, text := range addresses {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		for _, n := range networks {
			if n.Contains(addr.Unmap()) {
				return true
			}
		}
	}
	return false
}
