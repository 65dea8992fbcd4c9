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

// Expose is how clients reach the server.
//
// +kubebuilder:validation:XValidation:rule="self.type == 'LoadBalancer' || !has(self.loadBalancerClass) && !has(self.sourceRanges) && !has(self.allocateNodePorts)",message="loadBalancerClass, sourceRanges and allocateNodePorts are for type LoadBalancer: remove them, or set that type"
// +kubebuilder:validation:XValidation:rule="self.type in ['LoadBalancer', 'NodePort'] || !has(self.externalTrafficPolicy)",message="externalTrafficPolicy is for the types LoadBalancer and NodePort: remove it, or set one of them"
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

	// annotations are put on the Service; balancers are set up by them.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Annotations map[string]string `json:"annotations,omitempty"`

	// labels are put on the Service.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Labels map[string]string `json:"labels,omitempty"`

	// loadBalancerClass chooses among several balancers. It cannot be changed
	// later without another type in between.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	LoadBalancerClass string `json:"loadBalancerClass,omitempty"`

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
	// Left out: Local for a LoadBalancer whose pods share a node, because
	// their volume is ReadWriteOnce; else Cluster.
	// +optional
	ExternalTrafficPolicy TrafficPolicy `json:"externalTrafficPolicy,omitempty"`

	// allocateNodePorts says whether a LoadBalancer's ports get node ports as
	// well. Some balancers need them; a cluster has some 2700 in all. Left
	// out: true for up to 256 ports.
	// +optional
	AllocateNodePorts *bool `json:"allocateNodePorts,omitempty"`

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
