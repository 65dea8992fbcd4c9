package v1alpha1

import "fmt"

// Default passive ranges.
const (
	PassiveFirst       int32 = 50000
	PassiveLast        int32 = 50039
	PassiveFirstOnHost int32 = 49152
	PassiveLastOnHost  int32 = 65535
)

// Passive is about passive data connections.
type Passive struct {
	// ports is the range of all pods together. A port is in use only while a
	// client is awaited, so ten ports serve thousands of transfers at once.
	// Default 50000-50039, which fits a load balancer with 50 listeners
	// together with the ports of the protocols; on the host network
	// 49152-65535, where width costs nothing.
	// +optional
	Ports *PortRange `json:"ports,omitempty"`

	// portsPerPod is the size of the slice of ports that each pod owns;
	// default 10. The range must have a slice for each replica. With one
	// slice more, a pod's replacement is ready before it goes; without,
	// pods are replaced one at a time after they have finished. On the host
	// network every pod has the whole range.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	PortsPerPod int32 `json:"portsPerPod,omitempty"`

	// address is what clients are told, in place of the address that
	// expose.type leads to: an IP address, or a host name that is resolved
	// when a client asks. Set it where a router or firewall in front of the
	// cluster translates addresses. Example: ftp.example.com.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="isIP(self) || self.matches('^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$')",message="address is neither an IP address nor a host name: write one alone, without port or scheme, such as 203.0.113.10 or ftp.example.com"
	Address string `json:"address,omitempty"`

	// addressRules tell other addresses to clients from some networks. The
	// first rule that matches counts; clients that match none are told the
	// address as described above.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	AddressRules []AddressRule `json:"addressRules,omitempty"`

	// peerCheck says how a data connection is known to come from the client
	// that asked for it. Address wants the same IP address. TLSSession wants
	// a resumption of the control connection's TLS session, for exposures
	// that hide addresses (transfers without TLS are checked by address even
	// then). Any checks nothing and lets others take data connections. Left
	// out: Address where client addresses arrive at the pod, else TLSSession.
	// +optional
	PeerCheck PeerCheck `json:"peerCheck,omitempty"`
}

// PortRange is a range of ports, both ends included.
//
// +kubebuilder:validation:XValidation:rule="self.first <= self.last",message="the range is reversed: write the smaller port first"
type PortRange struct {
	// first is the smallest port.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	First int32 `json:"first,omitempty"`

	// last is the largest port.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Last int32 `json:"last,omitempty"`
}

// Len is the number of ports in the range.
func (r PortRange) Len() int32 { return r.Last - r.First + 1 }

// String writes the range as in "50000-50039".
func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.First, r.Last) }

// Overlaps says whether a port is in both ranges.
func (r PortRange) Overlaps(o PortRange) bool { return r.First <= o.Last && o.First <= r.Last }

// AddressRule is an address for the clients of some networks.
type AddressRule struct {
	// clients are the networks, such as 10.0.0.0/8.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(c, isCIDR(c))",message="clients has something that is not a network: write networks such as 10.0.0.0/8 or 2001:db8::/32"
	Clients []string `json:"clients,omitempty"`

	// address is what they are told: an IP address or a host name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="isIP(self) || self.matches('^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$')",message="address is neither an IP address nor a host name: write one alone, without port or scheme, such as 203.0.113.10 or ftp.example.com"
	Address string `json:"address,omitempty"`
}

// PeerCheck says how the peer of a passive data connection is known.
// +kubebuilder:validation:Enum=Address;TLSSession;Any
type PeerCheck string

const (
	// PeerAddress wants the address of the control connection.
	PeerAddress PeerCheck = "Address"
	// PeerTLSSession wants a resumption of the control connection's session.
	PeerTLSSession PeerCheck = "TLSSession"
	// PeerAny wants nothing.
	PeerAny PeerCheck = "Any"
)

// PassivePorts is the passive range, by default one that suits the exposure.
func (s *FileServerSpec) PassivePorts() PortRange {
	switch {
	case s.Passive.Ports != nil:
		return *s.Passive.Ports
	case s.Expose.Type == ExposeHostNetwork:
		return PortRange{First: PassiveFirstOnHost, Last: PassiveLastOnHost}
	default:
		return PortRange{First: PassiveFirst, Last: PassiveLast}
	}
}
