package network

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
)

// NodeMark is the packet mark by which the router sends a packet for a balancer's address to a node. The
// cloud's packet filter sets it, once for each connection.
func NodeMark(node int) uint32 { return 0x100 + uint32(node) }

func nodeTable(node int) int { return 1000 + node }

// routeBalancer sends marked packets to the node of their mark. An address without a mark, so without a
// Service or without a node to send to, answers that it is unreachable.
func routeBalancer(c plan.Cluster) error {
	return withHandle(c.Namespace(plan.Router), func(h *netlink.Handle) error {
		for _, unused := range []netip.Prefix{plan.Balancer.V4, plan.Balancer.V6} {
			if err := h.RouteReplace(&netlink.Route{Dst: ipNet(unused), Type: unix.RTN_UNREACHABLE}); err != nil {
				return fmt.Errorf("route to %s: %w", unused, err)
			}
		}
		for i := range c.Nodes {
			err := errors.Join(
				toNode(h, unix.AF_INET, i, plan.Balancer.V4, plan.NodeAddresses(i).V4),
				toNode(h, unix.AF_INET6, i, plan.Balancer.V6, plan.NodeAddresses(i).V6))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func toNode(h *netlink.Handle, family, node int, balancer netip.Prefix, via netip.Addr) error {
	route := &netlink.Route{Dst: ipNet(balancer), Gw: via.AsSlice(), Table: nodeTable(node)}
	if err := h.RouteReplace(route); err != nil {
		return fmt.Errorf("route of balancer to %s: %w", via, err)
	}
	rule := netlink.NewRule()
	rule.Family, rule.Mark, rule.Table, rule.Priority = family, NodeMark(node), nodeTable(node), nodeTable(node)
	if err := h.RuleAdd(rule); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("rule of balancer to %s: %w", via, err)
	}
	return nil
}
