package resources

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// OlderPorts are ports, besides the wanted ones, on which pods of an older spec serve.
type OlderPorts struct {
	Clients []v1alpha1.PortRange
	Metrics []int32
}

// NetworkPolicy admits everybody to the ports that the pods serve, and to the one for
// metrics and for what is loaded only pods of MetricsNamespaces; everybody if none is
// known. Probes come from the pod's own node, whose traffic no policy refuses. Pods on
// the host network are beyond such policies.
func (s Server) NetworkPolicy(older OlderPorts) *networkingv1ac.NetworkPolicyApplyConfiguration {
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
	for _, r := range older.Clients {
		rule.WithPorts(port(r.First, r.Last))
	}
	rules := []*networkingv1ac.NetworkPolicyIngressRuleApplyConfiguration{rule}
	metrics := rule
	if len(s.MetricsNamespaces) > 0 {
		metrics = networkingv1ac.NetworkPolicyIngressRule().
			WithFrom(networkingv1ac.NetworkPolicyPeer().WithNamespaceSelector(metav1ac.LabelSelector().
				WithMatchExpressions(metav1ac.LabelSelectorRequirement().
					WithKey(corev1.LabelMetadataName).
					WithOperator(metav1.LabelSelectorOpIn).
					WithValues(s.MetricsNamespaces...))))
		rules = append(rules, metrics)
	}
	for _, p := range append([]int32{s.Spec.MetricsPort()}, older.Metrics...) {
		metrics.WithPorts(port(p, p))
	}
	return networkingv1ac.NetworkPolicy(NetworkPolicyName(s.Name), s.Namespace).
		WithLabels(s.Labels()).
		WithOwnerReferences(s.Owner()).
		WithSpec(networkingv1ac.NetworkPolicySpec().
			WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(s.Selector())).
			WithPolicyTypes(networkingv1.PolicyTypeIngress).
			WithIngress(rules...))
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
