package v1alpha1

import corev1 "k8s.io/api/core/v1"

// FileServerSpec is the wanted file server.
//
// The rules below look at several fields at once. Each spells out what absent
// fields mean, as the methods of this type do: without protocols all three are
// served on their standard ports; without passive.ports the range is 50000-50039,
// or 49152-65535 on the host network. The order is: no served port in the passive
// range (a rule for the default ports and one for each protocol), what replicas
// need of the range, what a Service holds, what replicas need of the volume, what the
// host network asks of ports, what client certificates ask of FTP, and no metrics on
// a port of clients.
//
// +kubebuilder:validation:XValidation:rule="has(self.protocols) || !has(self.passive.ports) || [20, 21, 22, 989, 990].all(port, port < self.passive.ports.first || port > self.passive.ports.last)",message="passive.ports holds a port of the protocols, which are 20, 21, 22, 989 and 990 by default: choose a range without them"
// +kubebuilder:validation:XValidation:rule="!has(self.protocols) || !has(self.protocols.ftp) || [has(self.passive.ports) ? [self.passive.ports.first, self.passive.ports.last] : self.expose.type == 'HostNetwork' ? [49152, 65535] : [50000, 50039]].all(range, [self.protocols.ftp.port, self.protocols.ftp.dataPort].all(port, port < range[0] || port > range[1]))",message="port or dataPort of protocols.ftp lies in the passive range (passive.ports, which is 50000-50039 by default and 49152-65535 on the host network): set passive.ports to a range without it, or move it"
// +kubebuilder:validation:XValidation:rule="!has(self.protocols) || !has(self.protocols.ftps) || [has(self.passive.ports) ? [self.passive.ports.first, self.passive.ports.last] : self.expose.type == 'HostNetwork' ? [49152, 65535] : [50000, 50039]].all(range, [self.protocols.ftps.port, self.protocols.ftps.dataPort].all(port, port < range[0] || port > range[1]))",message="port or dataPort of protocols.ftps lies in the passive range (passive.ports, which is 50000-50039 by default and 49152-65535 on the host network): set passive.ports to a range without it, or move it"
// +kubebuilder:validation:XValidation:rule="!has(self.protocols) || !has(self.protocols.sftp) || !has(self.protocols.ftp) && !has(self.protocols.ftps) || [has(self.passive.ports) ? [self.passive.ports.first, self.passive.ports.last] : self.expose.type == 'HostNetwork' ? [49152, 65535] : [50000, 50039]].all(range, [self.protocols.sftp.port].all(port, port < range[0] || port > range[1]))",message="port of protocols.sftp lies in the passive range (passive.ports, which is 50000-50039 by default and 49152-65535 on the host network): set passive.ports to a range without it, or move it"
// +kubebuilder:validation:XValidation:rule="has(self.protocols) && !has(self.protocols.ftp) && !has(self.protocols.ftps) || self.expose.type == 'HostNetwork' || self.replicas <= ((has(self.passive.ports) ? self.passive.ports.last - self.passive.ports.first + 1 : 40) + self.passive.portsPerPod - 1) / self.passive.portsPerPod",message="replicas times passive.portsPerPod is more than passive.ports has (40 by default): widen passive.ports, or lower passive.portsPerPod or replicas"
// +kubebuilder:validation:XValidation:rule="self.expose.type == 'HostNetwork' || !has(self.passive.ports) || self.passive.ports.last - self.passive.ports.first < 10000",message="passive.ports is wider than the 10000 ports that a Service can hold: narrow it (a few ports serve many clients at once), or use expose.type HostNetwork"
// +kubebuilder:validation:XValidation:rule="!has(self.storage.ephemeral) || self.replicas <= 1",message="with storage.ephemeral each of several replicas would have files of its own, and clients would find now these and now those: use storage.claim with ReadWriteMany, or one replica"
// +kubebuilder:validation:XValidation:rule="!has(self.storage.claim) || self.replicas <= 1 || self.storage.claim.accessModes != ['ReadWriteOncePod']",message="a claim with ReadWriteOncePod alone takes one pod: use ReadWriteMany or ReadWriteOnce, or one replica"
// +kubebuilder:validation:XValidation:rule="has(self.protocols) && !has(self.protocols.ftp) && !has(self.protocols.ftps) || self.replicas <= 1 || !has(self.storage.claim) || !('ReadWriteMany' in self.storage.claim.accessModes) || !has(self.expose.loadBalancer) || !has(self.expose.loadBalancer.externalTrafficPolicy) || self.expose.loadBalancer.externalTrafficPolicy != 'Local'",message="with externalTrafficPolicy Local and several replicas on several nodes, a node would drop data connections for pods elsewhere: use Cluster, one replica, or a ReadWriteOnce claim, which keeps all pods on one node"
// +kubebuilder:validation:XValidation:rule="has(self.protocols) && !has(self.protocols.ftp) && !has(self.protocols.ftps) || self.replicas <= 1 || !has(self.storage.claim) || !('ReadWriteMany' in self.storage.claim.accessModes) || !has(self.expose.nodePort) || !has(self.expose.nodePort.externalTrafficPolicy) || self.expose.nodePort.externalTrafficPolicy != 'Local'",message="with externalTrafficPolicy Local and several replicas on several nodes, a node would drop data connections for pods elsewhere: use Cluster, one replica, or a ReadWriteOnce claim, which keeps all pods on one node"
// +kubebuilder:validation:XValidation:rule="self.expose.type != 'HostNetwork' || !has(self.podTemplate.securityContext) || !has(self.podTemplate.securityContext.runAsUser) || has(self.protocols) && ((has(self.protocols.ftp) ? [self.protocols.ftp.port, self.protocols.ftp.dataPort] : []) + (has(self.protocols.ftps) ? [self.protocols.ftps.port, self.protocols.ftps.dataPort] : []) + (has(self.protocols.sftp) ? [self.protocols.sftp.port] : [])).all(port, port > 1023)",message="on the host network, ports below 1024 need root, and podTemplate.securityContext.runAsUser names somebody else: give every port under protocols a number above 1023, or remove runAsUser"
// +kubebuilder:validation:XValidation:rule="!has(self.tls.clientCertificates) || self.tls.clientCertificates.mode != 'Required' || !has(self.protocols) || !has(self.protocols.ftp) || self.protocols.ftp.tls == 'Required'",message="tls.clientCertificates requires a certificate of clients, and protocols.ftp.tls lets them in without TLS: set ftp.tls to Required, or mode to Optional"
// +kubebuilder:validation:XValidation:rule="!(self.metrics.port in (has(self.protocols) ? (has(self.protocols.ftp) ? [self.protocols.ftp.port, self.protocols.ftp.dataPort] : []) + (has(self.protocols.ftps) ? [self.protocols.ftps.port, self.protocols.ftps.dataPort] : []) + (has(self.protocols.sftp) ? [self.protocols.sftp.port] : []) : [20, 21, 22, 989, 990]))",message="metrics.port, which is 9090 by default, is a port of the protocols too: choose another one for either"
// +kubebuilder:validation:XValidation:rule="has(self.protocols) && !has(self.protocols.ftp) && !has(self.protocols.ftps) || [has(self.passive.ports) ? [self.passive.ports.first, self.passive.ports.last] : self.expose.type == 'HostNetwork' ? [49152, 65535] : [50000, 50039]].all(range, self.metrics.port < range[0] || self.metrics.port > range[1])",message="metrics.port, which is 9090 by default, lies in the passive range (passive.ports, which is 50000-50039 by default and 49152-65535 on the host network): set passive.ports to a range without it, or move it"
type FileServerSpec struct {
	// replicas is the number of pods. All are reached at one address; each
	// owns a slice of the passive range (see passive.portsPerPod), so a data
	// connection always reaches the pod that asked for it. Pods share one
	// volume: more than one on several nodes needs storage with the access
	// mode ReadWriteMany. `kubectl scale` and autoscalers work.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Replicas *int32 `json:"replicas,omitempty"`

	// protocols are what is served. Naming one here enables it; those not
	// named are off. Left out, all three are on, at their standard ports.
	// Example, SFTP alone: `protocols: {sftp: {}}`.
	// +optional
	Protocols *Protocols `json:"protocols,omitempty"`

	// passive is about the data connections that FTP clients open in passive
	// mode: their ports, and the address that clients are told.
	// +optional
	// +kubebuilder:default={}
	Passive Passive `json:"passive,omitzero"`

	// activeMode says whether FTP clients may have the server open data
	// connections to them (PORT and EPRT): Allowed or Refused. They go to the
	// address that the server sees on the control connection, which is a
	// node's or a balancer's where the exposure hides addresses: any user
	// could then reach ports of the nodes. Left out: Refused there (a
	// LoadBalancer or NodePort with externalTrafficPolicy Cluster and without
	// proxyProtocolFrom), else Allowed. Allow it there only where your network
	// keeps addresses in spite of that policy. A change counts at once.
	// +optional
	ActiveMode ActiveMode `json:"activeMode,omitempty"`

	// ascii says what TYPE A, with which every FTP session begins (RFC 959),
	// does to a file. Convert, the default, changes line ends: LF on the
	// volume, CR LF on the wire. Keep transfers the bytes as they are, for
	// cameras, scanners and other devices that send binary files without
	// asking for TYPE I, whose files Convert would damage. A change counts at
	// once.
	// +optional
	ASCII ASCII `json:"ascii,omitempty"`

	// ftpBanner is the text with which FTP and FTPS greet clients, in the reply
	// 220. It may have several lines. Left out, it is "Ready". That of SFTP is
	// protocols.sftp.banner.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="!self.matches(r'[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x{9f}]')",message="ftpBanner has a control character, such as a tab or a carriage return: write plain text, with line feeds between lines"
	FTPBanner string `json:"ftpBanner,omitempty"`

	// expose is how clients reach the server.
	// +optional
	// +kubebuilder:default={}
	Expose Expose `json:"expose,omitzero"`

	// storage is where the files are. Left out, a claim for 10Gi of the
	// default StorageClass is made, and kept when the FileServer is deleted.
	// +optional
	// +kubebuilder:default={}
	Storage Storage `json:"storage,omitzero"`

	// tls is the certificate of FTP and FTPS, and what is asked of clients.
	// Without a certificate, an authority is made for this FileServer
	// and issues one.
	// +optional
	// +kubebuilder:default={}
	TLS TLS `json:"tls,omitzero"`

	// sshHostKeys are the keys by which SFTP clients know the server. Left
	// out, an Ed25519 and an ECDSA key are made once and kept.
	// +optional
	// +kubebuilder:default={}
	SSHHostKeys SSHHostKeys `json:"sshHostKeys,omitzero"`

	// sessions limits how many clients do how much, for how long.
	// +optional
	// +kubebuilder:default={}
	Sessions Sessions `json:"sessions,omitzero"`

	// drain is how a pod ends, when it is replaced or its node is drained.
	// +optional
	// +kubebuilder:default={}
	Drain Drain `json:"drain,omitzero"`

	// audit says where the pods tell what clients do.
	// +optional
	// +kubebuilder:default={}
	Audit Audit `json:"audit,omitzero"`

	// events says who is told of what clients have done to files. Left out, nobody is.
	// +optional
	Events *Events `json:"events,omitempty"`

	// metrics says where the pods tell of themselves.
	// +optional
	// +kubebuilder:default={}
	Metrics Metrics `json:"metrics,omitzero"`

	// networkPolicy says whether a NetworkPolicy admits exactly the ports
	// that are served, and nothing else, to the pods: Managed or None.
	// +optional
	// +kubebuilder:default=Managed
	NetworkPolicy NetworkPolicyMode `json:"networkPolicy,omitempty"`

	// disruption says how many pods others than the operator may end at once,
	// as those do who drain, upgrade or remove nodes.
	// +optional
	// +kubebuilder:default={}
	Disruption Disruption `json:"disruption,omitzero"`

	// image is the server's container image. Left out, it is the one that
	// belongs to the operator's own release, which is then kept up to date.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`

	// imagePullPolicy is when the image is pulled: Always, IfNotPresent or
	// Never. Left out, it is Kubernetes' default for the image's tag.
	// +optional
	ImagePullPolicy ImagePullPolicy `json:"imagePullPolicy,omitempty"`

	// logLevel is how much the server logs of itself: Debug, Info, Warn or Error.
	// What clients do is in the audit trail, whatever the level (audit). Passwords
	// are never logged.
	// +optional
	// +kubebuilder:default=Info
	LogLevel LogLevel `json:"logLevel,omitempty"`

	// podTemplate adds to the pods what the operator leaves to you: labels,
	// resources, scheduling, as whom the server reads and writes files.
	// +optional
	// +kubebuilder:default={}
	PodTemplate PodTemplate `json:"podTemplate,omitzero"`
}

// LogLevel is how much is logged.
// +kubebuilder:validation:Enum=Debug;Info;Warn;Error
type LogLevel string

// Log levels, from the most to the least talkative.
const (
	LogDebug LogLevel = "Debug"
	LogInfo  LogLevel = "Info"
	LogWarn  LogLevel = "Warn"
	LogError LogLevel = "Error"
)

// ImagePullPolicy is when an image is pulled.
// +kubebuilder:validation:Enum=Always;IfNotPresent;Never
type ImagePullPolicy corev1.PullPolicy

// NetworkPolicyMode says whether the operator makes a NetworkPolicy.
// +kubebuilder:validation:Enum=Managed;None
type NetworkPolicyMode string

const (
	// NetworkPolicyManaged makes one that admits the served ports alone.
	NetworkPolicyManaged NetworkPolicyMode = "Managed"
	// NetworkPolicyNone makes none.
	NetworkPolicyNone NetworkPolicyMode = "None"
)
