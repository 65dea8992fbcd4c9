package resources

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// NetworkPolicy admits to the pods the ports that they serve, and the one for
// metrics and probes. Pods on the host network are beyond such policies.
func (s Server) NetworkPolicy(older ...v1alpha1.PortRange) *networkingv1ac.NetworkPolicyApplyConfiguration {
	port := func(first, last int32) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
		p := networkingv1ac.NetworkPolicyPort().WithProtocol(corev1.ProtocolTCP).WithPort(intstr.FromInt32(first))
		if last > first {
			p.WithEndPort(last)
		}
		return p
	}
	rule := networkingv1ac.NetworkPolicyIngressRule()
	for _, p := range s.protocolPorts() {
		rule.WithPorts(port(p.port, p.port))
	}
	if s.Spec.ServedProtocols().HasPassive() {
		r := s.Spec.PassivePorts()
		rule.WithPorts(port(r.First, r.Last))
	}
	for _, r := range older {
		rule.WithPorts(port(r.First, r.Last))
	}
	rule.WithPorts(port(config.PortHTTP, config.PortHTTP))
	return networkingv1ac.NetworkPolicy(NetworkPolicyName(s.Name), s.Namespace).
		WithLabels(s.Labels()).
		WithOwnerReferences(s.Owner()).
		WithSpec(networkingv1ac.NetworkPolicySpec().
			WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(s.Selector())).
			WithPolicyTypes(networkingv1.PolicyTypeIngress).
			WithIngress(rule))
}

// ControlPorts are the ports on which clients begin.
func (s Server) ControlPorts() []int32 {
	var ports []int32
	for _, p := range s.protocolPorts() {
		ports = append(ports, p.port)
	}
	return ports
}

// IsControlPort tells by the name of a pod's port whether clients begin there.
func IsControlPort(name string) bool {
	return name == config.PortNameFTP || name == config.PortNameFTPS || name == config.PortNameSFTP
}
