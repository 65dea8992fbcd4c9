package resources

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
)

// schedule says where pods run: together, if the volume wants it so, and
// otherwise apart.
func (s Server) schedule(spec *corev1ac.PodSpecApplyConfiguration) {
	t := s.Spec.PodTemplate
	spec.WithNodeSelector(with(t.NodeSelector, map[string]string{corev1.LabelOSStable: "linux"}))
	for i := range t.Tolerations {
		spec.WithTolerations(convert[corev1ac.TolerationApplyConfiguration](&t.Tolerations[i]))
	}
	s.leaveLostNodes(spec)
	if t.PriorityClassName != "" {
		spec.WithPriorityClassName(t.PriorityClassName)
	}
	if t.RuntimeClassName != "" {
		spec.WithRuntimeClassName(t.RuntimeClassName)
	}
	if t.SchedulerName != "" {
		spec.WithSchedulerName(t.SchedulerName)
	}
	s.spread(spec)
	s.attract(spec)
}

// lostNodeSeconds is how long a pod stays on a node that Kubernetes has lost
// sight of (after some 40 s without its lease). By default that is 300 s, in
// which the server lacks the pod, or is away if it has no other. Should the node
// be alive after all, its pod drains like any other once the node is back.
const lostNodeSeconds = 30

// leaveLostNodes has pods be replaced soon, unless podTemplate says when.
func (s Server) leaveLostNodes(spec *corev1ac.PodSpecApplyConfiguration) {
	for _, taint := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		given := slices.ContainsFunc(s.Spec.PodTemplate.Tolerations, func(t corev1.Toleration) bool {
			return (t.Key == taint || t.Key == "") && (t.Effect == corev1.TaintEffectNoExecute || t.Effect == "")
		})
		if !given {
			spec.WithTolerations(corev1ac.Toleration().
				WithKey(taint).
				WithOperator(corev1.TolerationOpExists).
				WithEffect(corev1.TaintEffectNoExecute).
				WithTolerationSeconds(lostNodeSeconds))
		}
	}
}

func (s Server) spread(spec *corev1ac.PodSpecApplyConfiguration) {
	given := s.Spec.PodTemplate.TopologySpreadConstraints
	for i := range given {
		spec.WithTopologySpreadConstraints(convert[corev1ac.TopologySpreadConstraintApplyConfiguration](&given[i]))
	}
	if len(given) > 0 || s.OneNode {
		return
	}
	for _, key := range []string{corev1.LabelHostname, corev1.LabelTopologyZone} {
		spec.WithTopologySpreadConstraints(corev1ac.TopologySpreadConstraint().
			WithMaxSkew(1).
			WithTopologyKey(key).
			WithWhenUnsatisfiable(corev1.ScheduleAnyway).
			WithLabelSelector(metav1ac.LabelSelector().WithMatchLabels(s.Selector())))
	}
}

// attract keeps the pods of a ReadWriteOnce volume on one node: a volume that
// is attached elsewhere would leave a pod waiting for ever.
func (s Server) attract(spec *corev1ac.PodSpecApplyConfiguration) {
	affinity := corev1ac.Affinity()
	if given := s.Spec.PodTemplate.Affinity; given != nil {
		affinity = convert[corev1ac.AffinityApplyConfiguration](given)
	}
	if s.OneNode {
		if affinity.PodAffinity == nil {
			affinity.WithPodAffinity(corev1ac.PodAffinity())
		}
		affinity.PodAffinity.WithRequiredDuringSchedulingIgnoredDuringExecution(corev1ac.PodAffinityTerm().
			WithTopologyKey(corev1.LabelHostname).
			WithLabelSelector(metav1ac.LabelSelector().WithMatchLabels(s.Selector())))
	}
	if affinity.NodeAffinity != nil || affinity.PodAffinity != nil || affinity.PodAntiAffinity != nil {
		spec.WithAffinity(affinity)
	}
}
