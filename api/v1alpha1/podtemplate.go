package v1alpha1

import corev1 "k8s.io/api/core/v1"

// PodTemplate adds to the pods what the operator leaves to you. Ports, probes,
// volumes and the container's security context are the operator's.
type PodTemplate struct {
	// labels are put on the pods; those of the operator win.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Labels map[string]string `json:"labels,omitempty"`

	// annotations are put on the pods; those of the operator win.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Annotations map[string]string `json:"annotations,omitempty"`

	// resources of the server's container. Left out: requests of 100m CPU and
	// 64Mi memory, a limit of 512Mi memory, and no CPU limit.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// securityContext is as whom the server reads and writes the files. Left
	// out: user 65532, group 65532, and that group given to the volume
	// (fsGroup). Present, it says all: what it does not name is not set.
	// Examples: {runAsUser: 1000, runAsGroup: 1000} for a volume whose files
	// belong to user 1000; {} for OpenShift, which chooses the ids itself.
	// On the host network, ports below 1024 need root.
	// +optional
	SecurityContext *SecurityContext `json:"securityContext,omitempty"`

	// sysctls says whether the pods set net.ipv4.ip_unprivileged_port_start,
	// where they serve a port below 1024: Managed, the default, or None. None
	// is for nodes that refuse it, and do not need it either, such as those of
	// a container runtime that gives such ports to everybody.
	// +optional
	// +kubebuilder:default=Managed
	Sysctls SysctlMode `json:"sysctls,omitempty"`

	// env are environment variables of the server's container, such as TZ;
	// those of the operator win.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Env []corev1.EnvVar `json:"env,omitempty"`

	// hostAliases are entries of the pods' /etc/hosts.
	// +optional
	// +listType=map
	// +listMapKey=ip
	// +kubebuilder:validation:MaxItems=64
	HostAliases []corev1.HostAlias `json:"hostAliases,omitempty"`

	// dnsConfig adds to how the pods resolve names.
	// +optional
	DNSConfig *corev1.PodDNSConfig `json:"dnsConfig,omitempty"`

	// nodeSelector limits the pods to nodes with these labels, besides
	// kubernetes.io/os: linux.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// tolerations let the pods run on nodes with these taints. Unless they say
	// otherwise, pods leave nodes that are not ready or unreachable after 30 s.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// affinity of the pods. What a ReadWriteOnce volume needs is added.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// topologySpreadConstraints replace the default, which is to spread over
	// nodes and zones where the volume allows it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`

	// priorityClassName of the pods.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// runtimeClassName of the pods.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	RuntimeClassName string `json:"runtimeClassName,omitempty"`

	// schedulerName of the pods.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SchedulerName string `json:"schedulerName,omitempty"`

	// serviceAccountName of the pods; they get no token of it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// imagePullSecrets name the Secrets with which the image is pulled, besides those
	// that the operator has for all servers.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	ImagePullSecrets []SecretReference `json:"imagePullSecrets,omitempty"`
}

// SecurityContext is as whom the server reads and writes files.
//
// +kubebuilder:validation:XValidation:rule="!has(self.runAsGroup) || has(self.runAsUser)",message="runAsGroup is given without runAsUser, which container runtimes refuse: give both"
// +kubebuilder:validation:XValidation:rule="!has(self.fsGroupChangePolicy) || has(self.fsGroup)",message="fsGroupChangePolicy says how fsGroup is given to the volume: give fsGroup too, or remove it"
type SecurityContext struct {
	// runAsUser is the user's number. Left out, it is that of the image, which
	// is 65532, or what the platform chooses.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2147483647
	RunAsUser int64 `json:"runAsUser,omitempty"`

	// runAsGroup is the group's number. Left out, it is 0 with runAsUser, and
	// otherwise that of the image or what the platform chooses.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	RunAsGroup *int64 `json:"runAsGroup,omitempty"`

	// fsGroup is the group that is given to the files of the volume when it is
	// mounted, where the volume's driver does that. Left out, the files keep
	// theirs: for trees that belong to others.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	FSGroup *int64 `json:"fsGroup,omitempty"`

	// fsGroupChangePolicy is OnRootMismatch, the default, which leaves a
	// volume as it is whose root folder has the group already, or Always.
	// +optional
	FSGroupChangePolicy FSGroupChangePolicy `json:"fsGroupChangePolicy,omitempty"`

	// supplementalGroups are more groups of the server, such as those that a
	// volume's files belong to.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:Minimum=0
	// +kubebuilder:validation:items:Maximum=2147483647
	SupplementalGroups []int64 `json:"supplementalGroups,omitempty"`
}

// FSGroupChangePolicy says when the group of a volume's files is changed.
// +kubebuilder:validation:Enum=OnRootMismatch;Always
type FSGroupChangePolicy string

const (
	// FSGroupOnRootMismatch changes it where the root folder has another one.
	FSGroupOnRootMismatch FSGroupChangePolicy = "OnRootMismatch"
	// FSGroupAlways changes it at every mount.
	FSGroupAlways FSGroupChangePolicy = "Always"
)

// SysctlMode says whether the operator sets sysctls of the pods.
// +kubebuilder:validation:Enum=Managed;None
type SysctlMode string

const (
	// SysctlManaged sets what the served ports need.
	SysctlManaged SysctlMode = "Managed"
	// SysctlNone sets none.
	SysctlNone SysctlMode = "None"
)
