package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FileServer is a file server that speaks FTP (with explicit TLS), FTPS
// (implicit TLS) and SFTP. An empty spec is enough: it serves all three on
// their standard ports behind a LoadBalancer Service, with a 10Gi volume that
// outlives it, a TLS certificate and SSH host keys. Who may log in is said by
// FileServerUser objects in the same namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=fsrv,categories=file-transfer
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:selectablefield:JSONPath=.spec.expose.type
// +kubebuilder:printcolumn:name=Ready,type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether clients can connect and transfer files."
// +kubebuilder:printcolumn:name=Reason,type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why it is, or is not, ready."
// +kubebuilder:printcolumn:name=Address,type=string,JSONPath=.status.address,description="Where clients connect."
// +kubebuilder:printcolumn:name=Ports,type=string,JSONPath=.status.ports,description="The port of each protocol."
// +kubebuilder:printcolumn:name=Replicas,type=integer,JSONPath=.spec.replicas,description="Pods wanted."
// +kubebuilder:printcolumn:name=Available,type=integer,JSONPath=.status.readyReplicas,description="Pods that serve."
// +kubebuilder:printcolumn:name=Age,type=date,JSONPath=.metadata.creationTimestamp
// +kubebuilder:printcolumn:name=Since,type=date,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].lastTransitionTime`,description="For how long it has been ready, or not."
// +kubebuilder:printcolumn:name=Users,type=integer,priority=1,JSONPath=.status.users,description="Accounts that may log in."
// +kubebuilder:printcolumn:name=Passive,type=string,priority=1,JSONPath=.status.passivePorts,description="Ports of passive data connections."
// +kubebuilder:printcolumn:name=Message,type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What the reason means, and what to do."
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]{0,44}[a-z0-9])?$')",message="metadata.name becomes the name of a Service and the beginning of other names: use at most 46 lower case letters, digits and '-', beginning with a letter"
type FileServer struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the wanted file server. Leave it empty to get one that works.
	// +optional
	// +kubebuilder:default={"replicas":1,"passive":{"portsPerPod":10},"expose":{"type":"LoadBalancer"},"storage":{},"tls":{},"metrics":{"port":9090}}
	Spec FileServerSpec `json:"spec,omitzero"`

	// status is what was observed.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status FileServerStatus `json:"status,omitzero"`
}

// FileServerList is a list of FileServer objects.
//
// +kubebuilder:object:root=true
type FileServerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []FileServer `json:"items"`
}
