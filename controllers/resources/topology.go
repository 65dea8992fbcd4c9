package resources

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// Conflict says how replicas, volume and exposure contradict each other, and
// what to do; "" if they do not. What the spec alone tells is refused when it
// is applied; this is about a claim that exists.
func (s Server) Conflict() string {
	if *s.Spec.Replicas <= 1 {
		return ""
	}
	switch {
	case s.OneNode && s.wantsSeveralNodes():
		return fmt.Sprintf("The volume of the claim %q is for one node, and podTemplate wants the %d pods on several: use a claim with ReadWriteMany, one replica, or softer rules in podTemplate.", s.ClaimInUse(), *s.Spec.Replicas)
	case !s.OneNode && s.TrafficPolicy() == v1alpha1.TrafficLocal && s.Spec.ServedProtocols().HasPassive() && s.external():
		return "With externalTrafficPolicy Local and pods on several nodes, a node drops data connections for pods elsewhere: use Cluster, one replica, or a volume that keeps all pods on one node."
	}
	return ""
}

func (s Server) external() bool {
	return s.Spec.Expose.Type == v1alpha1.ExposeLoadBalancer || s.Spec.Expose.Type == v1alpha1.ExposeNodePort
}

// wantsSeveralNodes says whether podTemplate forbids two pods on one node.
func (s Server) wantsSeveralNodes() bool {
	t := s.Spec.PodTemplate
	for _, c := range t.TopologySpreadConstraints {
		if c.TopologyKey == corev1.LabelHostname && c.WhenUnsatisfiable == corev1.DoNotSchedule && s.selects(c.LabelSelector) {
			return true
		}
	}
	if t.Affinity == nil || t.Affinity.PodAntiAffinity == nil {
		return false
	}
	for _, term := range t.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
		if term.TopologyKey == corev1.LabelHostname && s.selects(term.LabelSelector) {
			return true
		}
	}
	return false
}

// selects says whether a selector finds the server's pods.
func (s Server) selects(selector *metav1.LabelSelector) bool {
	l, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && l.Matches(labels.Set(with(s.Spec.PodTemplate.Labels, s.Labels())))
}

// ActiveFrom says from which address active data connections leave, where that
// is not the one to which clients connect; "" where it is.
func (s Server) ActiveFrom() string {
	switch s.Spec.Expose.Type {
	case v1alpha1.ExposeHostNetwork:
		return ""
	case v1alpha1.ExposeClusterIP:
		return "the pod's own address"
	}
	return "the address of the pod's node"
}
