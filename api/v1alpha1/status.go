package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FileServerStatus is what was observed.
type FileServerStatus struct {
	// conditions are Ready (clients can connect and transfer files),
	// Reconciling (the operator is at work, or waits for the cluster), Stalled
	// (nothing will change until somebody does what the message says) and
	// ActiveMode (data connections that the server opens come from the address
	// to which clients connect).
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

	// address is where clients connect.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Address string `json:"address,omitempty"`

	// ports has the port of each protocol, as in "ftp:21,ftps:990,sftp:22". It is
	// for the columns of `kubectl get`; programs read endpoints.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Ports string `json:"ports,omitempty"`

	// endpoints are where clients connect, protocol by protocol. If there are
	// more than 64, the first 64 are listed, and the condition Ready says how many
	// there are.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Endpoints []Endpoint `json:"endpoints,omitempty"`

	// passivePorts is the range of passive data connections. It is for the columns
	// of `kubectl get`; programs read spec.passive.ports.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16
	PassivePorts string `json:"passivePorts,omitempty"`

	// sshHostKeys are the fingerprints by which SFTP clients know the server. If
	// there are more than 16, the first 16 are listed, and the condition Ready says
	// how many there are.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	SSHHostKeys []SSHHostKeyStatus `json:"sshHostKeys,omitempty"`

	// tls is the certificate in use.
	// +optional
	TLS *TLSStatus `json:"tls,omitempty"`

	// replicas is the number of pods.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas *int32 `json:"replicas,omitempty"`

	// readyReplicas is the number of pods that serve.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ReadyReplicas *int32 `json:"readyReplicas,omitempty"`

	// selector finds the pods; autoscalers use it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Selector string `json:"selector,omitempty"`

	// users is the number of accounts in the users' file: a FileServerUser whose
	// account cannot be made is not counted, one that is suspended is.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Users *int32 `json:"users,omitempty"`
}

// Endpoint is where clients connect for one protocol.
type Endpoint struct {
	// name is the protocol: ftp, ftps or sftp.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=15
	Name string `json:"name,omitempty"`

	// address is an IP address or a host name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Address string `json:"address,omitempty"`

	// port is the port at the address.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// url is both, as clients take it: "sftp://203.0.113.10:22".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=320
	URL string `json:"url,omitempty"`
}

// SSHHostKeyStatus tells a host key.
type SSHHostKeyStatus struct {
	// type is the algorithm, such as ssh-ed25519.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Type string `json:"type,omitempty"`

	// fingerprint is "SHA256:..." as OpenSSH's clients show it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Fingerprint string `json:"fingerprint,omitempty"`
}

// TLSStatus tells the certificate in use.
type TLSStatus struct {
	// secretName is the Secret that holds it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`

	// fingerprint is the SHA-256 of the certificate, in hex.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Fingerprint string `json:"fingerprint,omitempty"`

	// notAfter is when it ends.
	// +optional
	NotAfter *metav1.Time `json:"notAfter,omitempty"`
}
