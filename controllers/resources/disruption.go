package resources

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"
)

// Disruption holds the eviction of a pod until its replacement is ready. Pods
// in slots are not evicted at all: when their node is cordoned, the operator
// itself ends each as soon as its replacement serves, and an eviction in that
// moment would be one pod too many. The shared Deployment gets a pod more
// instead, and then one can be evicted.
func (s Server) Disruption() *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	spec := policyv1ac.PodDisruptionBudgetSpec().
		WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow).
		WithSelector(metav1ac.LabelSelector().WithMatchLabels(s.Selector()))
	if s.Spec.ServedProtocols().HasPassive() {
		spec.WithMaxUnavailable(intstr.FromInt32(0))
	} else {
		spec.WithMinAvailable(intstr.FromInt32(*s.Spec.Replicas))
	}
	return policyv1ac.PodDisruptionBudget(DisruptionName(s.Name), s.Namespace).
		WithLabels(s.Labels()).
		WithOwnerReferences(s.Owner()).
		WithSpec(spec)
}
