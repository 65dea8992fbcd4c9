package resources

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/check"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Exposure is where clients reach a server.
type Exposure struct {
	// Addresses are IP addresses or host names; the first is the one that is
	// shown. None: there is no address yet.
	Addresses []string
	// NodePorts are the ports that clients use in place of the server's own,
	// where the two differ.
	NodePorts map[int32]int32
	// AdvertisedAddresses are what clients of passive mode are told. None: the
	// address to which they connected.
	AdvertisedAddresses []string
	// ToldFirst are rules that come before that.
	ToldFirst []config.AdvertiseRule
}

// Port that clients use for a port of the server.
func (e Exposure) Port(own int32) int32 {
	if p, ok := e.NodePorts[own]; ok {
		return p
	}
	return own
}

// Nodes are those that matter for an exposure.
type Nodes struct {
	Shown    []corev1.Node // by which clients are told to come
	Draining []corev1.Node // on which pods finish what they serve
	All      []corev1.Node // of the cluster
}

// serving are those on which a session may be.
func (n Nodes) serving() []corev1.Node { return union(n.Shown, n.Draining) }

// Observe reads from the Service where clients reach the server, and from the
// nodes. Both may be missing.
func Observe(spec *v1alpha1.FileServerSpec, policy v1alpha1.TrafficPolicy, svc *corev1.Service, nodes Nodes) Exposure {
	switch spec.Expose.Type {
	case v1alpha1.ExposeHostNetwork:
		// The address to which a client connected is the node's own, so
		// there is no better one to tell.
		return Exposure{Addresses: nodeAddresses(nodes.Shown)}
	case v1alpha1.ExposeNodePort:
		return nodePortExposure(policy, svc, nodes)
	case v1alpha1.ExposeClusterIP:
		if svc == nil {
			return Exposure{}
		}
		ips := clusterIPs(svc)
		return Exposure{Addresses: ips, AdvertisedAddresses: ips}
	default:
		addresses := ingress(svc)
		return Exposure{Addresses: addresses, AdvertisedAddresses: addresses}
	}
}

func ingress(svc *corev1.Service) []string {
	if svc == nil {
		return nil
	}
	var addresses []string
	for _, in := range svc.Status.LoadBalancer.Ingress {
		switch {
		case in.IP != "":
			addresses = append(addresses, in.IP)
		case in.Hostname != "":
			addresses = append(addresses, in.Hostname)
		}
	}
	return addresses
}

func clusterIPs(svc *corev1.Service) []string {
	return slices.DeleteFunc(slices.Clone(svc.Spec.ClusterIPs), func(ip string) bool {
		return ip == "" || ip == corev1.ClusterIPNone
	})
}

func nodePortExposure(policy v1alpha1.TrafficPolicy, svc *corev1.Service, nodes Nodes) Exposure {
	if svc == nil {
		return Exposure{}
	}
	e := Exposure{NodePorts: map[int32]int32{}}
	for _, p := range svc.Spec.Ports {
		if p.NodePort == 0 {
			return Exposure{}
		}
		e.NodePorts[p.Port] = p.NodePort
	}
	e.Addresses = nodeAddresses(nodes.Shown)
	e.AdvertisedAddresses = []string{config.NodeAddress}
	if policy == v1alpha1.TrafficCluster {
		e.ToldFirst = entryNodes(nodes.All)
	}
	external := addressesOf(nodes.serving(), corev1.NodeExternalIP)
	if len(external) > 0 && (policy == v1alpha1.TrafficCluster || len(nodes.serving()) == 1) {
		e.AdvertisedAddresses = external
	}
	return e
}

// Above so many nodes, rules for each would be more than they are worth.
const maxEntryNodes = 64

// entryNodes tells clients the node by which they came in. Any node takes
// traffic for any pod, but puts its own address in place of the client's: a
// data connection by the same node comes from the same address as the control
// connection, and passes the check.
func entryNodes(nodes []corev1.Node) []config.AdvertiseRule {
	if len(nodes) > maxEntryNodes {
		return nil
	}
	var rules []config.AdvertiseRule
	for i := range nodes {
		internal := prefixes(addressesOf(nodes[i:i+1], corev1.NodeInternalIP))
		told := nodeAddresses(nodes[i : i+1])
		if len(internal) > 0 && len(told) > 0 {
			rules = append(rules, config.AdvertiseRule{Clients: internal, Addresses: told})
		}
	}
	return rules
}

// nodeAddresses are those by which the nodes are reached: the external ones,
// where there are any.
func nodeAddresses(nodes []corev1.Node) []string {
	if external := addressesOf(nodes, corev1.NodeExternalIP); len(external) > 0 {
		return external
	}
	return addressesOf(nodes, corev1.NodeInternalIP)
}

func addressesOf(nodes []corev1.Node, kind corev1.NodeAddressType) []string {
	var addresses []string
	for _, n := range nodes {
		for _, a := range n.Status.Addresses {
			if a.Type == kind && !slices.Contains(addresses, a.Address) {
				addresses = append(addresses, a.Address)
			}
		}
	}
	return addresses
}

// TrafficPolicy is the external traffic policy, by default the one that keeps
// client addresses, where all pods are on one node anyway.
func (s Server) TrafficPolicy() v1alpha1.TrafficPolicy {
	e := s.Spec.Expose
	wanted := e.WantedTrafficPolicy()
	switch {
	case wanted != "":
		return wanted
	case e.Type == v1alpha1.ExposeLoadBalancer && s.OneNode:
		return v1alpha1.TrafficLocal
	}
	return v1alpha1.TrafficCluster
}

// HidesAddresses says whether the exposure shows the pods another address than
// the client's.
func (s Server) HidesAddresses() bool {
	return s.ByAnyNode() && len(s.Spec.Expose.ProxyProtocolFrom) == 0
}

// ActiveMode says whether the server opens data connections to clients. Where
// the exposure hides addresses they would go to the node in place of the
// client, and reach what listens there. Empty is the server's default, Allowed.
func (s Server) ActiveMode() v1alpha1.ActiveMode {
	if s.Spec.ActiveMode == "" && s.HidesAddresses() {
		return v1alpha1.ActiveRefused
	}
	return s.Spec.ActiveMode
}

// ByAnyNode says whether clients come by any node, and so perhaps by one with
// their control connection and by another with a data connection.
func (s Server) ByAnyNode() bool {
	return s.external() && s.TrafficPolicy() == v1alpha1.TrafficCluster
}

// ShownAddress is the one that people are told.
func (s Server) ShownAddress() string {
	if len(s.Exposure.Addresses) == 0 {
		return ""
	}
	return s.Exposure.Addresses[0]
}

// Endpoints are where clients connect, by protocol and address.
func (s Server) Endpoints() []v1alpha1.Endpoint {
	var endpoints []v1alpha1.Endpoint
	for _, p := range s.protocolPorts() {
		for _, a := range s.Exposure.Addresses {
			port := s.Exposure.Port(p.port)
			endpoints = append(endpoints, v1alpha1.Endpoint{
				Name: p.name, Address: a, Port: port,
				URL: p.name + "://" + net.JoinHostPort(a, strconv.Itoa(int(port))),
			})
		}
	}
	return endpoints
}

// PortsText has the port of each protocol: "ftp:21,ftps:990,sftp:22".
func (s Server) PortsText() string {
	var ports []string
	for _, p := range s.protocolPorts() {
		ports = append(ports, p.name+":"+strconv.Itoa(int(s.Exposure.Port(p.port))))
	}
	return strings.Join(ports, ",")
}

type protocolPort struct {
	name string
	port int32
}

func (s Server) protocolPorts() []protocolPort {
	var ports []protocolPort
	served := s.Spec.ServedProtocols()
	if served.FTP != nil {
		ports = append(ports, protocolPort{config.ProtocolFTP, served.FTP.Port})
	}
	if served.FTPS != nil {
		ports = append(ports, protocolPort{config.ProtocolFTPS, served.FTPS.Port})
	}
	if served.SFTP != nil {
		ports = append(ports, protocolPort{config.ProtocolSFTP, served.SFTP.Port})
	}
	return ports
}

// tell are the rules of the address that clients of passive mode are told.
func (s Server) tell() []config.AdvertiseRule {
	var rules []config.AdvertiseRule
	for _, r := range s.Spec.Passive.AddressRules {
		clients, _ := check.Sources(r.Clients)
		rules = append(rules, config.AdvertiseRule{Clients: clients, Addresses: []string{r.Address}})
	}
	if s.Spec.Passive.Address == "" {
		rules = append(rules, s.Exposure.ToldFirst...)
	}
	switch {
	case s.Spec.Passive.Address != "":
		rules = append(rules, config.AdvertiseRule{Addresses: []string{s.Spec.Passive.Address}})
	case len(s.Exposure.AdvertisedAddresses) > 0:
		rules = append(rules, config.AdvertiseRule{Addresses: s.Exposure.AdvertisedAddresses})
	}
	return rules
}

// advertisedPorts are the passive ports that clients reach under another number.
func (s Server) advertisedPorts() map[int]int {
	r := s.Spec.PassivePorts()
	var ports map[int]int
	for own, told := range maps.All(s.Exposure.NodePorts) {
		if r.First <= own && own <= r.Last {
			if ports == nil {
				ports = map[int]int{}
			}
			ports[int(own)] = int(told)
		}
	}
	return ports
}

// prefixes reads networks, and addresses as networks of one. It leaves out what is
// neither, so it is not for lists in which nothing means everything.
func prefixes(texts []string) []netip.Prefix {
	var list []netip.Prefix
	for _, t := range texts {
		if p, err := check.ParseNetwork(t); err == nil {
			list = append(list, p)
		}
	}
	return list
}
