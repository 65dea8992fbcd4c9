package plan

import (
	"net/netip"
	"testing"
)

func TestAddressesStayInsideTheirRanges(t *testing.T) {
	for i := range MaxNodes {
		node, pods := NodeAddresses(i), NodePods(i)
		if !NodeLAN.V4.Contains(node.V4) || !NodeLAN.V6.Contains(node.V6) {
			t.Errorf("node %d has %v, outside %v", i, node, NodeLAN)
		}
		if !Pods.V4.Overlaps(pods.V4) || !Pods.V6.Overlaps(pods.V6) {
			t.Errorf("pods of node %d have %v, outside %v", i, pods, Pods)
		}
	}
	for _, c := range Clients() {
		if !ClientLAN.V4.Contains(c.V4) || !ClientLAN.V6.Contains(c.V6) {
			t.Errorf("client has %v, outside %v", c, ClientLAN)
		}
	}
}

func TestNoAddressIsGivenTwice(t *testing.T) {
	seen := map[netip.Addr]string{}
	take := func(who string, a Addresses) {
		for _, addr := range a.All() {
			if other, taken := seen[addr]; taken {
				t.Errorf("%s and %s both have %s", who, other, addr)
			}
			seen[addr] = who
		}
	}
	take("router to the nodes", RouterNodeAddresses())
	take("router to the clients", RouterClientAddresses())
	take("control", ControlAddresses())
	for i := range MaxNodes {
		take(NodeName(i), NodeAddresses(i))
	}
	for _, c := range Clients() {
		take("client", c)
	}
}

func TestRangesDoNotOverlap(t *testing.T) {
	ranges := []Dual{NodeLAN, Pods, Services, Balancer, ClientLAN}
	for i, a := range ranges {
		for _, b := range ranges[:i] {
			if a.V4.Overlaps(b.V4) || a.V6.Overlaps(b.V6) {
				t.Errorf("%v overlaps %v", a, b)
			}
		}
	}
	if a, b := NodePods(0), NodePods(1); a.V4.Overlaps(b.V4) || a.V6.Overlaps(b.V6) {
		t.Errorf("pods of two nodes overlap: %v, %v", a, b)
	}
}

func TestAddressesOfThePlan(t *testing.T) {
	for got, want := range map[string]string{
		NodeAddresses(1).V4.String():             "198.18.0.11",
		NodeAddresses(1).V6.String():             "2001:db8:18::b",
		NodePods(1).String():                     "198.18.129.0/24,2001:db8:19:1::/64",
		Kubernetes.V4.String():                   "198.19.0.1",
		Clients()[0].V4.String():                 "203.0.113.10",
		Clients()[ClientAddresses-1].V4.String(): "203.0.113.29",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestANamespaceBelongsToOneCluster(t *testing.T) {
	demo, longer := Cluster{Name: "demo"}, Cluster{Name: "demo-2"}
	for namespace, owned := range map[string][2]bool{
		"demo-node0":    {true, false},
		"demo-client":   {true, false},
		"demo-2-node0":  {false, true},
		"demo-node":     {false, false},
		"cni-demo":      {false, false},
		"demo-2-router": {false, true},
	} {
		if got := [2]bool{demo.OwnsNamespace(namespace), longer.OwnsNamespace(namespace)}; got != owned {
			t.Errorf("%s: owned by demo, demo-2: %v, want %v", namespace, got, owned)
		}
	}
}

func TestClusterNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"demo": true, "e2e-1": true, "d": true,
		"": false, "Demo": false, "1st": false, "a/b": false, "demo-": false, "a-name-that-is-far-too-long": false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
