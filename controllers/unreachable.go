package controllers

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// After so long a pod that serves, and does not answer the operator, is no longer
// waited for: networks and their policies take seconds.
const silentFor = 2 * time.Minute

// unreachable says whether a pod that serves has not answered for so long that waiting
// does not help. Where the status says so already it is said at once, so that an
// operator that has just started does not take it back for a while.
func (p *pass) unreachable(pod *corev1.Pod, m podMemory) bool {
	if m.err == nil || m.silent.IsZero() || !podReady(pod) || terminating(pod) {
		return false
	}
	said := meta.FindStatusCondition(p.server.Status.Conditions, v1alpha1.ConditionStalled)
	return p.Clock.Since(m.silent) >= silentFor ||
		said != nil && said.Status == metav1.ConditionTrue && said.Reason == v1alpha1.ReasonPodsUnreachable
}

// notReached tells of a pod that serves, and that the operator cannot ask.
func (p *pass) notReached(pod *corev1.Pod, m podMemory) error {
	if !p.unreachable(pod, m) {
		return nil
	}
	return conditions.Stalled(v1alpha1.ReasonPodsUnreachable, "The pod %q serves, but does not answer the operator on its port %d, so that it is not known whether what is declared is in force there: look for NetworkPolicies that deny it, to the pod or from the operator, and admit the operator's pods to that port; or for a firewall between nodes.", pod.Name, resources.PodMetricsPort(&pod.Spec))
}
