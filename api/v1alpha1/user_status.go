package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FileServerUserStatus is what was observed.
type FileServerUserStatus struct {
	// conditions are Ready (the user can log in as described), Reconciling and
	// Stalled. Of a user who is suspended or has expired, Ready is False with the
	// reason Suspended or Expired, once every pod refuses the user.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that the rest of the
	// status is about; -1 before the first look.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// username is the name to log in with.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Username string `json:"username,omitempty"`

	// lastLogin is when the user last logged in.
	//
	// This and the next two are written no more than once in 15 minutes for a user, so
	// that users who come all the time cost the cluster next to nothing; the audit trail
	// and the metrics tell each login. What a pod knows that is killed within a minute
	// of it is not told here.
	// +optional
	LastLogin *metav1.Time `json:"lastLogin,omitempty"`

	// lastUpload is when the last upload of the user was complete.
	// +optional
	LastUpload *metav1.Time `json:"lastUpload,omitempty"`

	// sessions is how many sessions the user had in all pods when this was written.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Sessions *int32 `json:"sessions,omitempty"`

	// binding names the Secret with all that an application needs to log in,
	// as the Service Binding specification has it.
	// +optional
	Binding *Binding `json:"binding,omitempty"`
}

// Binding names a Secret in the same namespace.
type Binding struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}
