package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
)

const (
	nodeBridge = "nodes" // in the router: the LAN of nodes and API server
	uplink     = "eth0"  // in every other namespace
)

var forwarding = map[string]string{
	"ipv4/ip_forward":                  "1",
	"ipv6/conf/all/forwarding":         "1",
	"ipv4/conf/all/rp_filter":          "0",
	"ipv4/conf/default/rp_filter":      "0",
	"ipv6/conf/default/accept_ra":      "0",
	"ipv6/conf/all/disable_ipv6":       "0",
	"ipv6/conf/default/disable_ipv6":   "0",
	"ipv4/conf/all/accept_redirects":   "0",
	"ipv4/conf/all/send_redirects":     "0",
	"ipv4/conf/default/send_redirects": "0",
}

// Ensure makes the cluster's namespaces, links, addresses and routes, as far as they are missing:
//
//	client ── router ──┬── control
//	                   ├── node0
//	                   └── node1 …
//
// The router stands for the world between: setting one of its links down cuts that node off. An address
// sits on the veth itself, since not every kernel has dummy devices.
func Ensure(c plan.Cluster) error {
	parts := append([]string{plan.Router, plan.Control, plan.Client}, c.NodeNames()...)
	for _, part := range parts {
		if err := ensureNamespace(c.Namespace(part)); err != nil {
			return err
		}
		if err := setSysctls(c.Namespace(part), forwarding); err != nil {
			return err
		}
		if err := withHandle(c.Namespace(part), func(h *netlink.Handle) error {
			return linkUp(h, "lo")
		}); err != nil {
			return err
		}
	}
	if err := ensureBridge(c); err != nil {
		return err
	}
	if err := ensureLeg(c, plan.Control, nodeBridge, []plan.Addresses{plan.ControlAddresses()}, plan.RouterNodeAddresses()); err != nil {
		return err
	}
	for i, name := range c.NodeNames() {
		if err := ensureLeg(c, name, nodeBridge, []plan.Addresses{plan.NodeAddresses(i)}, plan.RouterNodeAddresses()); err != nil {
			return err
		}
	}
	if err := ensureLeg(c, plan.Client, "", plan.Clients(), plan.RouterClientAddresses()); err != nil {
		return err
	}
	return errors.Join(routePods(c), routeFromControl(c), routeBalancer(c))
}

func withHandle(namespace string, f func(*netlink.Handle) error) error {
	h, err := open(namespace)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := f(h); err != nil {
		return fmt.Errorf("in network namespace %s: %w", namespace, err)
	}
	return nil
}

func linkUp(h *netlink.Handle, name string) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	if link.Attrs().Flags&net.FlagUp != 0 {
		return nil
	}
	return h.LinkSetUp(link)
}

func addAddresses(h *netlink.Handle, name string, bits plan.Dual, addresses []plan.Addresses) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	for _, a := range addresses {
		for prefix, addr := range map[netip.Prefix]netip.Addr{bits.V4: a.V4, bits.V6: a.V6} {
			// Without duplicate address detection an IPv6 address can be used at once.
			err := h.AddrReplace(link, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(addr, prefix.Bits())), Flags: unix.IFA_F_NODAD})
			if err != nil {
				return fmt.Errorf("address %s: %w", addr, err)
			}
		}
	}
	return nil
}

func ensureBridge(c plan.Cluster) error {
	return withHandle(c.Namespace(plan.Router), func(h *netlink.Handle) error {
		if _, err := h.LinkByName(nodeBridge); err != nil {
			if err := h.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: nodeBridge}}); err != nil {
				return fmt.Errorf("bridge %s: %w", nodeBridge, err)
			}
		}
		if err := addAddresses(h, nodeBridge, plan.NodeLAN, []plan.Addresses{plan.RouterNodeAddresses()}); err != nil {
			return err
		}
		return linkUp(h, nodeBridge)
	})
}

// ensureLeg joins a part to the router by a veth pair: named for the part in the router, eth0 in the part.
func ensureLeg(c plan.Cluster, part, bridge string, addresses []plan.Addresses, gateway plan.Addresses) error {
	lan := plan.NodeLAN
	if bridge == "" {
		lan = plan.ClientLAN
	}
	namespace := c.Namespace(part)
	err := withHandle(c.Namespace(plan.Router), func(h *netlink.Handle) error {
		if _, err := h.LinkByName(part); err == nil {
			return nil // a link that was set down to cut a node off stays down
		}
		peer, err := netns.GetFromPath(Path(namespace))
		if err != nil {
			return err
		}
		defer peer.Close()
		veth := netlink.NewVeth(netlink.NewLinkAttrs())
		veth.Name, veth.PeerName, veth.PeerNamespace = part, uplink, netlink.NsFd(int(peer))
		if bridge != "" {
			master, err := h.LinkByName(bridge)
			if err != nil {
				return err
			}
			veth.MasterIndex = master.Attrs().Index
		}
		if err := h.LinkAdd(veth); err != nil {
			return fmt.Errorf("link to %s: %w", part, err)
		}
		if bridge == "" {
			if err := addAddresses(h, part, lan, []plan.Addresses{gateway}); err != nil {
				return err
			}
		}
		return linkUp(h, part)
	})
	if err != nil {
		return err
	}
	return withHandle(namespace, func(h *netlink.Handle) error {
		if err := addAddresses(h, uplink, lan, addresses); err != nil {
			return err
		}
		if err := linkUp(h, uplink); err != nil {
			return err
		}
		// No default route, no Service: the API server and kube-proxy look for their address by it.
		return errors.Join(
			replaceRoute(h, netip.PrefixFrom(netip.IPv4Unspecified(), 0), gateway.V4),
			replaceRoute(h, netip.PrefixFrom(netip.IPv6Unspecified(), 0), gateway.V6))
	})
}

// routePods lets each node reach the pods of the others.
func routePods(c plan.Cluster) error {
	for i, name := range c.NodeNames() {
		err := withHandle(c.Namespace(name), func(h *netlink.Handle) error {
			for j := range c.Nodes {
				if j != i {
					if err := replaceDual(h, plan.NodePods(j), plan.NodeAddresses(j)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// routeFromControl lets the API server reach pods, and Services by way of the nodes' kube-proxies: that
// is how it calls webhooks and aggregated APIs.
func routeFromControl(c plan.Cluster) error {
	return withHandle(c.Namespace(plan.Control), func(h *netlink.Handle) error {
		var via4, via6 []netip.Addr
		for i := range c.Nodes {
			if err := replaceDual(h, plan.NodePods(i), plan.NodeAddresses(i)); err != nil {
				return err
			}
			via4, via6 = append(via4, plan.NodeAddresses(i).V4), append(via6, plan.NodeAddresses(i).V6)
		}
		return errors.Join(replaceRoute(h, plan.Services.V4, via4...), replaceRoute(h, plan.Services.V6, via6...))
	})
}

func replaceDual(h *netlink.Handle, to plan.Dual, via plan.Addresses) error {
	return errors.Join(replaceRoute(h, to.V4, via.V4), replaceRoute(h, to.V6, via.V6))
}

func replaceRoute(h *netlink.Handle, to netip.Prefix, via ...netip.Addr) error {
	route := &netlink.Route{Dst: ipNet(to)}
	if len(via) == 1 {
		route.Gw = via[0].AsSlice()
	} else {
		for _, gw := range via {
			route.MultiPath = append(route.MultiPath, &netlink.NexthopInfo{Gw: gw.AsSlice()})
		}
	}
	if err := h.RouteReplace(route); err != nil {
		return fmt.Errorf("route to %s: %w", to, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
