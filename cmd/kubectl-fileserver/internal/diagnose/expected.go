package diagnose

import "slices"

// Protocols, as in the status.
const (
	FTP  = "ftp"
	FTPS = "ftps"
	SFTP = "sftp"
)

// Expected is what a FileServer promises.
type Expected struct {
	Name, Namespace string
	// Ready is the condition.
	Ready           bool
	Reason, Message string

	Endpoints []Endpoint
	// Certificate is the SHA-256 of the one in use, in hex; empty without TLS.
	Certificate string
	HostKeys    []HostKey

	// PlainFTP says that FTP is without TLS.
	PlainFTP bool
	// Slots are the pods, and the passive ports of each as clients see them.
	Slots []Slot
	// Exposure is expose.type.
	Exposure string
	// Active says whether PORT and EPRT are allowed, and SameAddress that data
	// connections then come from the address to which clients connect.
	Active, SameAddress bool

	User *User // nil: nobody logs in
}

// Endpoint is where clients connect.
type Endpoint struct {
	Protocol string
	Address  string // an IP address or a host name
	Port     int
}

// HostKey is one by which SFTP clients know the server.
type HostKey struct {
	Type, Fingerprint string
}

// Slot is a pod.
type Slot struct {
	Pod   string
	Ports []int
}

// User is who logs in.
type User struct {
	Name            string
	Ready           bool
	Reason, Message string
	// Protocols are the only ones with which the user may log in; empty: all.
	Protocols []string
	// SeesNothing says that the user may not list the top folder.
	SeesNothing bool
}

// May says whether the user may log in with a protocol.
func (u *User) May(protocol string) bool {
	return len(u.Protocols) == 0 || slices.Contains(u.Protocols, protocol)
}

// SlotOf is the number of the slot that has a passive port; -1 if none has.
func (e Expected) SlotOf(port int) int {
	return slices.IndexFunc(e.Slots, func(s Slot) bool { return slices.Contains(s.Ports, port) })
}
