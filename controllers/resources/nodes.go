package resources

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// drainTaints announce that a node goes: its pods are about to be evicted. A
// cordon is one of them, since Kubernetes turns spec.unschedulable into a taint.
var drainTaints = []string{
	corev1.TaintNodeUnschedulable,
	"karpenter.sh/disrupted",
	"karpenter.sh/disruption", // of Karpenter before version 1
	"ToBeDeletedByClusterAutoscaler",
}

// IsDrainTaint says whether a taint announces that its node goes.
func IsDrainTaint(t corev1.Taint) bool { return slices.Contains(drainTaints, t.Key) }

// Goes says whether a node is about to lose its pods.
func Goes(node *corev1.Node) bool {
	return node.Spec.Unschedulable || slices.ContainsFunc(node.Spec.Taints, IsDrainTaint)
}

// Leaves says whether a pod with these tolerations has to leave a node. One that
// tolerates the taint stays: whoever drains the node leaves it alone, and its
// replacement could start on the same node again.
func Leaves(node *corev1.Node, tolerations []corev1.Toleration) bool {
	taints := node.Spec.Taints
	if node.Spec.Unschedulable {
		taints = append(slices.Clone(taints), corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule})
	}
	return slices.ContainsFunc(taints, func(t corev1.Taint) bool {
		return IsDrainTaint(t) && !slices.ContainsFunc(tolerations, func(by corev1.Toleration) bool { return tolerates(by, t) })
	})
}

func tolerates(by corev1.Toleration, t corev1.Taint) bool {
	key := by.Key == t.Key || by.Key == "" && by.Operator == corev1.TolerationOpExists
	effect := by.Effect == "" || by.Effect == t.Effect
	value := by.Operator == corev1.TolerationOpExists || by.Value == t.Value
	return key && effect && value
}

// Observed is what is known of the nodes of a server whose clients come by them.
type Observed struct {
	// Before are the nodes that were shown until now. They exist still.
	Before []corev1.Node
	// Serving are those on which pods serve that do not end.
	Serving []corev1.Node
	// Settled is true if as many pods serve as are wanted. Else a pod may be
	// back on its node in a moment.
	Settled bool
}

// Shown are the nodes by which clients are told to come. They change no more than
// they must: with them, credentials are rewritten and certificates issued anew. So
// the restart of a pod changes nothing, nor does a pod's move where every node leads
// to every pod.
func (s Server) Shown(o Observed) []corev1.Node {
	byAnyNode := s.Spec.Expose.Type == v1alpha1.ExposeNodePort && s.TrafficPolicy() == v1alpha1.TrafficCluster
	var kept []corev1.Node
	for _, n := range o.Before {
		switch {
		case contains(o.Serving, n), len(o.Serving) == 0:
			kept = append(kept, n)
		case byAnyNode && !Goes(&n), !byAnyNode && !o.Settled:
			kept = append(kept, n)
		}
	}
	if !byAnyNode {
		return union(kept, o.Serving)
	}
	// As many as there are pods, so that a lost node is not the only one.
	enough := max(1, int(*s.Spec.Replicas))
	shown := union(kept, o.Serving)
	return shown[:min(enough, len(shown))]
}

// union has the nodes of both, those of the first one first.
func union(a, b []corev1.Node) []corev1.Node {
	all := slices.Clone(a)
	for _, n := range b {
		if !contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

func contains(nodes []corev1.Node, n corev1.Node) bool {
	return slices.ContainsFunc(nodes, func(o corev1.Node) bool { return o.Name == n.Name })
}

// WithAddress is the node that is reached at an address; nil if there is none.
func WithAddress(nodes []corev1.Node, address string) *corev1.Node {
	for i := range nodes {
		if slices.Contains(nodeAddresses(nodes[i:i+1]), address) {
			return &nodes[i]
		}
	}
	return nil
}
