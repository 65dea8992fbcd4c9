package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// Sessions limits sessions. Counts are for each pod.
type Sessions struct {
	// max is how many sessions a pod has at once; left out, no limit.
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

	// idleTimeout ends a session that does nothing for so long; default 15m.
	// A transfer is not idle.
	// +optional
	// +kubebuilder:default="15m"
	IdleTimeout Duration `json:"idleTimeout,omitempty"`

	// loginGrace ends a connection that is not logged in after so long;
	// default 1m.
	// +optional
	// +kubebuilder:default="1m"
	LoginGrace Duration `json:"loginGrace,omitempty"`

	// bandwidth limits each session.
	// +optional
	Bandwidth *Bandwidth `json:"bandwidth,omitempty"`

	// ban refuses an address for a while after too many failed logins. It is
	// on by default where client addresses arrive at the pod, and off where
	// the exposure hides them, since all clients then look the same.
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
	// failures is how many failed logins lead to a ban; default 10. Zero
	// turns bans off.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	Failures *int32 `json:"failures,omitempty"`

	// window is the time within which they are counted; default 10m.
	// +optional
	// +kubebuilder:default="10m"
	Window Duration `json:"window,omitempty"`

	// duration is how long the address is refused; default 10m.
	// +optional
	// +kubebuilder:default="10m"
	Duration Duration `json:"duration,omitempty"`
}

// Drain is how a pod ends.
type Drain struct {
	// timeout is how long a pod may finish what it serves; default 5m. What
	// runs longer is cut. Idle sessions are asked to come back at once.
	// +optional
	// +kubebuilder:default="5m"
	Timeout Duration `json:"timeout,omitempty"`

	// acceptFor is how long a pod that ends still takes new sessions, while
	// balancers learn that it goes; default 5s.
	// +optional
	// +kubebuilder:default="5s"
	AcceptFor Duration `json:"acceptFor,omitempty"`
}
