package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// Sessions limits sessions. Counts are for each pod.
type Sessions struct {
	// max is how many sessions a pod has at once; left out, no limit.
	// Connections that are not logged in do not count: see maxBeforeLogin.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Max int32 `json:"max,omitempty"`

	// maxPerUser is how many sessions a user has at once in a pod; left out,
	// no limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxPerUser int32 `json:"maxPerUser,omitempty"`

	// maxPerAddress is how many sessions come from one address at once to a
	// pod; left out, no limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxPerAddress int32 `json:"maxPerAddress,omitempty"`

	// idleTimeout ends a session that does nothing for so long, or Never;
	// default 15m. A transfer is not idle.
	// +optional
	// +kubebuilder:default="15m"
	IdleTimeout Timeout `json:"idleTimeout,omitempty"`

	// loginGrace ends a connection that is not logged in after so long;
	// default 1m.
	// +optional
	// +kubebuilder:default="1m"
	LoginGrace Duration `json:"loginGrace,omitempty"`

	// maxBeforeLogin is how many connections that are not logged in a pod has
	// at once, besides max; default 256. Beyond it, the oldest one of the
	// address that has the most makes room for the new one, so that strangers
	// cannot keep users out. A change counts at once.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	MaxBeforeLogin int32 `json:"maxBeforeLogin,omitempty"`

	// stallTimeout ends a transfer on which no byte has moved for so long, or
	// Never; default 2m. Raise it for clients that pause within a file, such
	// as those that send from tape. idleTimeout says nothing about transfers.
	// A change counts at once.
	// +optional
	StallTimeout Timeout `json:"stallTimeout,omitempty"`

	// countKeepAlives has the keepalives of an SSH client
	// (ServerAliveInterval in OpenSSH) count as activity, so that idleTimeout
	// does not end a folder that is mounted with sshfs. Such a session then
	// lasts as long as its client. A change counts at once.
	// +optional
	CountKeepAlives bool `json:"countKeepAlives,omitempty"`

	// bandwidth limits each session.
	// +optional
	Bandwidth *Bandwidth `json:"bandwidth,omitempty"`

	// ban refuses an address for a while after too many failed logins. It is
	// on by default where client addresses arrive at the pod. Where the
	// exposure hides them all clients look the same, and a ban would be of
	// everybody: there, bans are off, and if one is described here the
	// status says so.
	// +optional
	Ban *Ban `json:"ban,omitempty"`
}

// Bandwidth is in bytes per second, such as 500k, 10Mi or 1G.
type Bandwidth struct {
	// upload is how fast a session may send files; left out, no limit.
	// +optional
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="upload is not above zero: write bytes per second such as 10Mi, or leave it out for no limit"
	Upload *resource.Quantity `json:"upload,omitempty"`

	// download is how fast a session may get files; left out, no limit.
	// +optional
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="download is not above zero: write bytes per second such as 10Mi, or leave it out for no limit"
	Download *resource.Quantity `json:"download,omitempty"`
}

// Ban refuses an address for a while after too many failed logins.
type Ban struct {
	// failures is how many failed logins lead to a ban; default 10.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	Failures int32 `json:"failures,omitempty"`

	// window is the time within which they are counted; default 10m.
	// +optional
	// +kubebuilder:default="10m"
	Window Duration `json:"window,omitempty"`

	// duration is how long the address is refused; default 10m. Never turns
	// bans off.
	// +optional
	// +kubebuilder:default="10m"
	Duration Timeout `json:"duration,omitempty"`

	// exempt are addresses and networks that are never banned, such as the
	// one address behind which an office hides all its clients. Example:
	// [192.0.2.7, 10.0.0.0/8]. A change counts at once.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(s, isCIDR(s) || isIP(s))",message="exempt has something that is neither an address nor a network: write 192.0.2.7 or 10.0.0.0/8"
	Exempt []string `json:"exempt,omitempty"`
}

// Drain is how a pod ends.
type Drain struct {
	// timeout is how long a pod may finish what it serves; default 5m. What
	// runs longer is cut, or Never: then a pod, and with it a node that is
	// drained, waits for the last transfer. Idle sessions are asked to come
	// back at once.
	// +optional
	// +kubebuilder:default="5m"
	Timeout Timeout `json:"timeout,omitempty"`

	// acceptFor is how long a pod that ends still takes new sessions, while
	// balancers learn that it goes; default 5s.
	// +optional
	// +kubebuilder:default="5s"
	AcceptFor Duration `json:"acceptFor,omitempty"`
}
