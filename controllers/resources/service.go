package resources

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Above so many ports a balancer gets no node ports unless it is told to: a
// cluster has some 2,700 of them for everybody.
const maxPortsWithNodePorts = 256

// classesWithoutNodePorts are the classes of balancers that are known to send clients
// to the Service's own ports: the nodes take these by the balancer's address. MetalLB
// does so too, and has no class of a fixed name.
var classesWithoutNodePorts = []string{
	"io.cilium/bgp-control-plane",
	"io.cilium/l2-announcer",
	"io.cilium/node",
	"kube-vip.io/kube-vip-class",
	"purelb.io/purelb",
	"tailscale",
}

// appProtocol keeps service meshes from waiting for the first bytes of a client,
// to guess its protocol: with FTP and SSH the server speaks first.
const appProtocol = "tcp"

// namedPort is a port of the Service and of the pods.
type namedPort struct {
	name string
	port int32
}

// ports are those of the protocols, and then the passive ones of the ranges.
func (s Server) ports(passive ...v1alpha1.PortRange) []namedPort {
	var list []namedPort
	served := s.Spec.ServedProtocols()
	if f := served.FTP; f != nil {
		list = append(list, namedPort{config.PortNameFTP, f.Port}, namedPort{config.PortNameFTPData, f.DataPort})
	}
	if f := served.FTPS; f != nil {
		list = append(list, namedPort{config.PortNameFTPS, f.Port}, namedPort{config.PortNameFTPSData, f.DataPort})
	}
	if f := served.SFTP; f != nil {
		list = append(list, namedPort{config.PortNameSFTP, f.Port})
	}
	seen := map[int32]bool{}
	for _, p := range list {
		seen[p.port] = true
	}
	for _, r := range passive {
		for port := r.First; port <= r.Last; port++ {
			if !seen[port] {
				seen[port] = true
				list = append(list, namedPort{config.PassivePortName(int(port)), port})
			}
		}
	}
	return list
}

// A ProtocolPort is a port of a Service that a protocol has, with the name that it has in the pods.
type ProtocolPort struct {
	Name string
	Port int32
}

// IsProtocolPort tells by the name of a port whether a protocol has it: it is neither a passive
// one nor that for metrics.
func IsProtocolPort(name string) bool {
	switch name {
	case config.PortNameFTP, config.PortNameFTPData, config.PortNameFTPS, config.PortNameFTPSData, config.PortNameSFTP:
		return true
	}
	return false
}

// Service lists every port by name, so that a pod which does not declare one
// is skipped for it. The ranges are that of the spec and those of older pods
// which still serve; so are the kept ports of protocols that are not wanted any more. Kubernetes
// groups pods by which of the ports they have, and groups them anew when one that they have
// goes: for a moment, nobody would reach the others of such a pod.
func (s Server) Service(kept []ProtocolPort, older ...v1alpha1.PortRange) *corev1ac.ServiceApplyConfiguration {
	e := s.Spec.Expose
	var ranges []v1alpha1.PortRange
	if s.Spec.ServedProtocols().HasPassive() && e.Type != v1alpha1.ExposeHostNetwork {
		ranges = append(ranges, s.Spec.PassivePorts())
	}
	if e.Type != v1alpha1.ExposeHostNetwork {
		ranges = append(ranges, older...)
	}
	ports := s.ports(ranges...)
	for _, k := range kept {
		if !slices.ContainsFunc(ports, func(p namedPort) bool { return p.name == k.Name || p.port == k.Port }) {
			ports = append(ports, namedPort{k.Name, k.Port})
		}
	}
	spec := corev1ac.ServiceSpec().WithSelector(s.Selector())
	for _, p := range ports {
		spec.WithPorts(corev1ac.ServicePort().
			WithName(p.name).
			WithPort(p.port).
			WithProtocol(corev1.ProtocolTCP).
			WithAppProtocol(appProtocol).
			WithTargetPort(intstr.FromString(p.name)))
	}
	switch e.Type {
	case v1alpha1.ExposeHostNetwork:
		// Its name resolves to the nodes' addresses.
		spec.WithType(corev1.ServiceTypeClusterIP).WithClusterIP(corev1.ClusterIPNone)
	case v1alpha1.ExposeClusterIP:
		spec.WithType(corev1.ServiceTypeClusterIP)
	case v1alpha1.ExposeNodePort:
		spec.WithType(corev1.ServiceTypeNodePort).WithExternalTrafficPolicy(corev1.ServiceExternalTrafficPolicy(s.TrafficPolicy()))
	default:
		s.balance(spec, len(ports))
	}
	if e.IPFamilyPolicy != "" {
		spec.WithIPFamilyPolicy(corev1.IPFamilyPolicy(e.IPFamilyPolicy))
	}
	for _, f := range e.IPFamilies {
		spec.WithIPFamilies(corev1.IPFamily(f))
	}
	svc := corev1ac.Service(ServiceName(s.Name), s.Namespace).
		WithLabels(with(e.Labels, s.Labels())).
		WithOwnerReferences(s.Owner()).
		WithSpec(spec)
	if len(e.Annotations) > 0 {
		svc.WithAnnotations(e.Annotations)
	}
	return svc
}

func (s Server) balance(spec *corev1ac.ServiceSpecApplyConfiguration, ports int) {
	var b v1alpha1.LoadBalancer
	if given := s.Spec.Expose.LoadBalancer; given != nil {
		b = *given
	}
	nodePorts := !s.NoNodePorts && ports <= maxPortsWithNodePorts && !slices.Contains(classesWithoutNodePorts, b.Class)
	if b.AllocateNodePorts != nil {
		nodePorts = *b.AllocateNodePorts
	}
	spec.WithType(corev1.ServiceTypeLoadBalancer).
		WithExternalTrafficPolicy(corev1.ServiceExternalTrafficPolicy(s.TrafficPolicy())).
		WithAllocateLoadBalancerNodePorts(nodePorts).
		WithLoadBalancerSourceRanges(b.SourceRanges...)
	if b.Class != "" {
		spec.WithLoadBalancerClass(b.Class)
	}
	if b.Address != "" {
		spec.WithLoadBalancerIP(b.Address)
	}
}
