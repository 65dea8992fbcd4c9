// Package plan holds the names and addresses of a cluster: what goes where, and nothing that does it.
//
// All of a cluster lives in network namespaces of its own, so every cluster uses the same addresses, and
// only ranges that are set aside for tests and documentation (RFC 2544, RFC 5737, RFC 3849).
package plan

import (
	"fmt"
	"net/netip"
	"regexp"
)

// Ranges, each also in IPv6. See the table in hack/cluster/README.md.
var (
	NodeLAN    = Dual{netip.MustParsePrefix("198.18.0.0/24"), netip.MustParsePrefix("2001:db8:18::/64")}
	Pods       = Dual{netip.MustParsePrefix("198.18.128.0/17"), netip.MustParsePrefix("2001:db8:19::/48")}
	Services   = Dual{netip.MustParsePrefix("198.19.0.0/16"), netip.MustParsePrefix("2001:db8:20::/112")}
	Balancer   = Dual{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8:51::/112")}
	ClientLAN  = Dual{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8:113::/64")}
	Kubernetes = nth(Services, 1)  // the Service through which pods reach the API server
	DNS        = nth(Services, 10) // the cluster's DNS Service
)

// APIServerPort is where the API server listens, in the namespace Control.
const APIServerPort = "6443"

// MaxNodes is what the ranges hold.
const MaxNodes = 100

// ClientAddresses is how many addresses the client namespace has, so that tests can come from several.
const ClientAddresses = 20

const (
	routerHost      = 1
	controlHost     = 2
	firstNodeHost   = 10
	firstClientHost = 10
)

// Dual is a range in both address families.
type Dual struct{ V4, V6 netip.Prefix }

// String lists both ranges the way Kubernetes' flags want them, IPv4 first.
func (d Dual) String() string { return d.V4.String() + "," + d.V6.String() }

// Addresses is one address in both families.
type Addresses struct{ V4, V6 netip.Addr }

// Strings returns both addresses, IPv4 first.
func (a Addresses) Strings() []string { return []string{a.V4.String(), a.V6.String()} }

// All returns both addresses, IPv4 first.
func (a Addresses) All() []netip.Addr { return []netip.Addr{a.V4, a.V6} }

// nth is the address with the given host number in each range.
func nth(d Dual, n int) Addresses {
	return Addresses{offset(d.V4.Addr(), n), offset(d.V6.Addr(), n)}
}

// offset adds n, below 65536, to an address that ends in two zero bytes or has room for it.
func offset(a netip.Addr, n int) netip.Addr {
	b := a.AsSlice()
	for i := len(b) - 1; n > 0 && i >= 0; i-- {
		n += int(b[i])
		b[i] = byte(n)
		n >>= 8
	}
	r, _ := netip.AddrFromSlice(b)
	return r
}

var validName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$`)

// CheckName says what is wrong with a cluster's name: it becomes part of file, namespace and cgroup names.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("cluster name %q: use up to 20 lower-case letters, digits and dashes, starting with a letter", name)
	}
	return nil
}

// Cluster names the parts of one cluster.
type Cluster struct {
	Name  string
	Nodes int
}

// The network namespaces besides those of the nodes.
const (
	Router  = "router"  // joins the others; also the balancer
	Control = "control" // API server and its company, so that any node can be cut off
	Client  = "client"  // outside the cluster
)

// Namespace is the network namespace of a part of the cluster.
func (c Cluster) Namespace(part string) string { return c.Name + "-" + part }

// OwnsNamespace tells whether a network namespace belongs to this cluster, whatever its number of nodes.
func (c Cluster) OwnsNamespace(namespace string) bool {
	return regexp.MustCompile(`^` + regexp.QuoteMeta(c.Name) + `-(router|control|client|node[0-9]+)$`).MatchString(namespace)
}

// NodeName is the name of a node, in Kubernetes and everywhere else.
func NodeName(i int) string { return fmt.Sprintf("node%d", i) }

// NodeNames lists the nodes.
func (c Cluster) NodeNames() []string {
	names := make([]string, c.Nodes)
	for i := range names {
		names[i] = NodeName(i)
	}
	return names
}

// NodeAddresses are a node's own addresses.
func NodeAddresses(i int) Addresses { return nth(NodeLAN, firstNodeHost+i) }

// NodePods are the ranges that a node gives its pods addresses from.
func NodePods(i int) Dual {
	v4 := Pods.V4.Addr().As4()
	v4[2] += byte(i)
	v6 := Pods.V6.Addr().As16()
	v6[7] = byte(i)
	return Dual{netip.PrefixFrom(netip.AddrFrom4(v4), 24), netip.PrefixFrom(netip.AddrFrom16(v6), 64)}
}

// ControlAddresses are those of the API server.
func ControlAddresses() Addresses { return nth(NodeLAN, controlHost) }

// RouterNodeAddresses are the gateway of the nodes.
func RouterNodeAddresses() Addresses { return nth(NodeLAN, routerHost) }

// RouterClientAddresses are the gateway of the clients.
func RouterClientAddresses() Addresses { return nth(ClientLAN, routerHost) }

// Clients are the addresses of the client namespace; the first is the one that connections leave from.
func Clients() []Addresses {
	all := make([]Addresses, ClientAddresses)
	for i := range all {
		all[i] = nth(ClientLAN, firstClientHost+i)
	}
	return all
}
