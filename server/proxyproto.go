package server

import (
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// proxyListener wraps a listener so that connections from a trusted balancer
// have the client's address, as its PROXY protocol header (versions 1 and 2)
// tells it. Connections from elsewhere are what they are; a header from there
// is not believed but ends the connection.
func proxyListener(trusted []netip.Prefix) func(net.Listener) net.Listener {
	policy := func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
		if addr, ok := o.Upstream.(*net.TCPAddr); ok && matches(trusted, addr.AddrPort().Addr().Unmap()) {
			// Health checks of the balancer itself come without a header.
			return proxyproto.USE, nil
		}
		return proxyproto.REJECT, nil
	}
	return func(l net.Listener) net.Listener {
		return &proxyproto.Listener{Listener: l, ConnPolicy: policy, ReadHeaderTimeout: 10 * time.Second}
	}
}
