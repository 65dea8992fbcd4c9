package resources

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"
)

// Disruption holds evictions: those that would leave fewer pods than
// disruption.maxUnavailable allows, and, while pods move away from a node that
// goes, those of pods whose replacements do not serve yet.
//
// With 0, the default, pods in slots are not evicted at all: the operator itself
// ends each as soon as its replacement serves, and an eviction in that moment
// would be one pod too many. An eviction of a pod that ends already is never
// refused, so whoever drains the node goes on. The shared Deployment gets a pod
// more instead, and then one can be evicted.
func (s Server) Disruption(moving bool) *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	replicas := *s.Spec.Replicas
	tolerated := s.toleratedDisruption()
	spec := policyv1ac.PodDisruptionBudgetSpec().
		WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow).
		WithSelector(metav1ac.LabelSelector().WithMatchLabels(s.Selector()))
	switch {
	case tolerated == 0 && s.Spec.ServedProtocols().HasPassive():
		spec.WithMaxUnavailable(intstr.FromInt32(0))
	case moving:
		spec.WithMinAvailable(intstr.FromInt32(replicas))
	default:
		// A number of pods, and not of missing ones: to count those, Kubernetes
		// asks the Deployments of all pods, and refuses every eviction while
		// one drains whose Deployment is gone.
		spec.WithMinAvailable(intstr.FromInt32(max(0, replicas-tolerated)))
	}
	return policyv1ac.PodDisruptionBudget(DisruptionName(s.Name), s.Namespace).
		WithLabels(s.Labels()).
		WithOwnerReferences(s.Owner()).
		WithSpec(spec)
}

// toleratedDisruption is how many pods may be missing because of evictions.
func (s Server) toleratedDisruption() int32 {
	most := s.Spec.Disruption.MaxUnavailable
	if most == nil {
		return 0
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(most, int(*s.Spec.Replicas), true)
	if err != nil {
		return 0 // the API server refuses such a value
	}
	return max(0, int32(n))
}
