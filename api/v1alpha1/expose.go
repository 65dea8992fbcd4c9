package v1alpha1

// ExposeType is how clients reach the server.
// +kubebuilder:validation:Enum=LoadBalancer;NodePort;ClusterIP;HostNetwork
type ExposeType string

const (
	// ExposeLoadBalancer is a Service with an address of a load balancer.
	ExposeLoadBalancer ExposeType = "LoadBalancer"
	// ExposeNodePort is a Service with a port on every node.
	ExposeNodePort ExposeType = "NodePort"
	// ExposeClusterIP is a Service inside the cluster.
	ExposeClusterIP ExposeType = "ClusterIP"
	// ExposeHostNetwork is the network of the node itself.
	ExposeHostNetwork ExposeType = "HostNetwork"
)

// TrafficPolicy is the external traffic policy of a Service.
// +kubebuilder:validation:Enum=Cluster;Local
type TrafficPolicy string

const (
	// TrafficCluster spreads over all nodes and hides client addresses.
	TrafficCluster TrafficPolicy = "Cluster"
	// TrafficLocal keeps to the node where the traffic arrives.
	TrafficLocal TrafficPolicy = "Local"
)

// IPFamilyPolicy says how many IP families a Service has.
// +kubebuilder:validation:Enum=SingleStack;PreferDualStack;RequireDualStack
type IPFamilyPolicy string

// IPFamily is IPv4 or IPv6.
// +kubebuilder:validation:Enum=IPv4;IPv6
type IPFamily string

// Expose is how clients reach the server. A type has a member of its own for what
// is said of that type alone.
//
// +kubebuilder:validation:XValidation:rule="self.type == 'LoadBalancer' || !has(self.loadBalancer)",message="loadBalancer is for the type LoadBalancer: remove it, or set that type"
// +kubebuilder:validation:XValidation:rule="self.type == 'NodePort' || !has(self.nodePort)",message="nodePort is for the type NodePort: remove it, or set that type"
type Expose struct {
	// type is one of these. LoadBalancer: an address of a load balancer.
	// NodePort: ports on the addresses of the nodes, allocated by the cluster
	// and told to clients. ClusterIP: from inside the cluster alone.
	// HostNetwork: the ports of the nodes on which the pods run; the pods
	// then run as root with the sole capability to bind ports, in a namespace
	// that must allow privileged pods.
	// +optional
	// +kubebuilder:default=LoadBalancer
	Type ExposeType `json:"type,omitempty"`

	// loadBalancer is about the balancer of the type LoadBalancer.
	// +optional
	LoadBalancer *LoadBalancer `json:"loadBalancer,omitempty"`

	// nodePort is about the node ports of the type NodePort.
	// +optional
	NodePort *NodePort `json:"nodePort,omitempty"`

	// annotations are put on the Service; balancers are set up by them.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Annotations map[string]string `json:"annotations,omitempty"`

	// labels are put on the Service.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Labels map[string]string `json:"labels,omitempty"`

	// ipFamilyPolicy is SingleStack, PreferDualStack or RequireDualStack.
	// Left out, it is the cluster's default.
	// +optional
	IPFamilyPolicy IPFamilyPolicy `json:"ipFamilyPolicy,omitempty"`

	// ipFamilies are IPv4, IPv6 or both, the first being the main one.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	IPFamilies []IPFamily `json:"ipFamilies,omitempty"`

	// proxyProtocolFrom are the networks of balancers whose PROXY protocol
	// header (versions 1 and 2) is believed, so that the client's address is
	// known. Left out, no header is expected.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(c, isCIDR(c))",message="proxyProtocolFrom has something that is not a network: write networks such as 10.0.0.0/8"
	ProxyProtocolFrom []string `json:"proxyProtocolFrom,omitempty"`
}

// LoadBalancer is about a Service's balancer.
type LoadBalancer struct {
	// class chooses among several balancers. It cannot be changed later
	// without another type in between.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Class string `json:"class,omitempty"`

	// address is the IP address that the balancer shall have, such as
	// 203.0.113.10, where it can be asked for one by the Service's
	// loadBalancerIP. Others take an annotation for it: see your balancer's
	// documentation, and expose.annotations. Left out, it chooses one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=45
	// +kubebuilder:validation:XValidation:rule="isIP(self)",message="address is not an IP address: write one such as 203.0.113.10; a host name that clients are told belongs into passive.address"
	Address string `json:"address,omitempty"`

	// sourceRanges are the only networks that the balancer admits, such as
	// 192.0.2.0/24. Left out, all are.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(c, isCIDR(c))",message="sourceRanges has something that is not a network: write networks such as 192.0.2.0/24 or 2001:db8::/32"
	SourceRanges []string `json:"sourceRanges,omitempty"`

	// externalTrafficPolicy is Local (client addresses arrive at the pod,
	// which bans, allowedSources and the check of data connections need) or
	// Cluster (any node takes traffic for any pod, and hides the address).
	// Left out: Local where the pods share a node, because their volume is
	// ReadWriteOnce; else Cluster.
	// +optional
	ExternalTrafficPolicy TrafficPolicy `json:"externalTrafficPolicy,omitempty"`

	// allocateNodePorts says whether the balancer's ports get node ports as
	// well. Some balancers need them; a cluster has 2768 in all by default.
	// Left out, it is false where they are known to be of no use: with a class
	// of Cilium, kube-vip, PureLB or Tailscale, with an operator that was told
	// so of all balancers (the chart's allocateNodePorts), and for more than
	// 256 ports; else it is true.
	// +optional
	AllocateNodePorts *bool `json:"allocateNodePorts,omitempty"`
}

// NodePort is about a Service's node ports.
type NodePort struct {
	// externalTrafficPolicy is Local (client addresses arrive at the pod,
	// which bans, allowedSources and the check of data connections need) or
	// Cluster (any node takes traffic for any pod, and hides the address);
	// default Cluster.
	// +optional
	ExternalTrafficPolicy TrafficPolicy `json:"externalTrafficPolicy,omitempty"`
}

// WantedTrafficPolicy is the external traffic policy that the member of the type
// names; empty if it names none.
func (e Expose) WantedTrafficPolicy() TrafficPolicy {
	switch {
	case e.Type == ExposeLoadBalancer && e.LoadBalancer != nil:
		return e.LoadBalancer.ExternalTrafficPolicy
	case e.Type == ExposeNodePort && e.NodePort != nil:
		return e.NodePort.ExternalTrafficPolicy
	}
	return ""
}
