package v1alpha1

import "k8s.io/apimachinery/pkg/util/intstr"

// Disruption is about evictions: pods that others than the operator end.
type Disruption struct {
	// budget says whether a PodDisruptionBudget holds evictions: Managed, the
	// default, or None. Without one, every eviction ends its pod at once: the
	// pod finishes what it serves, and its replacement starts meanwhile. Where
	// no replacement can run beside a pod (a ReadWriteOnce volume, the host
	// network), there is never a budget.
	// +optional
	// +kubebuilder:default=Managed
	Budget BudgetMode `json:"budget,omitempty"`

	// maxUnavailable is how many of the replicas may be missing because of
	// evictions: a number, or a share of replicas such as "25%", rounded up.
	// Default 0: an eviction is refused until the pod's replacement serves,
	// which the operator starts as soon as the node is cordoned or has a taint
	// of Karpenter or the cluster autoscaler that says that it goes. Those two
	// do not choose a node for removal by themselves while a budget of 0 holds
	// a pod there: set 1 where they should.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:Pattern=`^(100|[0-9]{1,2})%$`
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
}

// BudgetMode says whether the operator makes a PodDisruptionBudget.
// +kubebuilder:validation:Enum=Managed;None
type BudgetMode string

const (
	// BudgetManaged makes one.
	BudgetManaged BudgetMode = "Managed"
	// BudgetNone makes none.
	BudgetNone BudgetMode = "None"
)
