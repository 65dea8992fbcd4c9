package diagnose

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// A Step is how far an attempt went.
type Step string

// Steps, in their order. Not every attempt has all of them.
const (
	Resolve  Step = "resolve"  // the host name
	Connect  Step = "connect"  // the control connection
	Greet    Step = "greeting" // of FTP, or the identification of SSH
	Secure   Step = "tls"      // AUTH TLS and the handshake, or SSH's key exchange
	LogIn    Step = "login"
	Ask      Step = "ask"      // for a data connection: PASV, EPSV, PORT or EPRT
	Data     Step = "data"     // the data connection itself
	Transfer Step = "transfer" // the listing of the top folder
	Done     Step = ""         // all went well
)

// A Failure is how an attempt ended.
type Failure string

// Failures.
const (
	Timeout     Failure = "nothing came"
	Refused     Failure = "refused"
	Unreachable Failure = "no route"
	Closed      Failure = "closed"
	Reply       Failure = "refused by a reply" // Code and Text have it
	Foreign     Failure = "another protocol"   // Text has its beginning
	Handshake   Failure = "no handshake"       // Text says why
	NotFound    Failure = "no such host"
	Malformed   Failure = "not understood" // Text has it
)

// Modes of data connections.
const (
	PASV = "PASV"
	EPSV = "EPSV"
	PORT = "PORT"
	EPRT = "EPRT"
)

// An Attempt is one thing that was tried.
type Attempt struct {
	Protocol string     `json:"protocol"`
	Address  string     `json:"address"` // as the status has it
	IP       netip.Addr `json:"ip,omitzero"`
	Port     int        `json:"port"`
	Mode     string     `json:"mode,omitempty"` // empty: the control connection, or SFTP

	Step    Step    `json:"endedAt,omitempty"`
	Failure Failure `json:"failure,omitempty"`
	Code    int     `json:"code,omitempty"`
	Text    string  `json:"text,omitempty"`

	// Told is what PASV and EPSV answered. ThereInstead says that the port answers
	// at the address of the control connection, where Told has another one.
	Told         netip.AddrPort `json:"told,omitzero"`
	ThereInstead bool           `json:"thereInstead,omitempty"`
	// From is where an active data connection came from.
	From netip.Addr `json:"from,omitzero"`

	Certificate *Certificate `json:"certificate,omitempty"`
	HostKey     *HostKey     `json:"hostKey,omitempty"`
}

// Certificate is what a server showed.
type Certificate struct {
	Fingerprint string    `json:"fingerprint"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
	// NameError says why it is not for the address; TrustError why the authority
	// did not sign it. TrustError is empty where the authority is not known.
	NameError  string `json:"nameError,omitempty"`
	TrustError string `json:"trustError,omitempty"`
}

// Control says whether the attempt is about more than a data connection.
func (a Attempt) Control() bool { return a.Mode == "" }

// OK says whether all went well.
func (a Attempt) OK() bool { return a.Failure == "" }

// Where is the address and port that was dialled.
func (a Attempt) Where() string {
	host := a.Address
	if a.IP.IsValid() {
		host = a.IP.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(a.Port))
}

// Result is how the attempt ended, in a few words.
func (a Attempt) Result() string {
	switch {
	case a.OK():
		return "ok"
	case a.Failure == Reply:
		return fmt.Sprintf("%s: %d %s", a.Step, a.Code, a.Text)
	case a.Text != "":
		return fmt.Sprintf("%s: %s: %s", a.Step, a.Failure, a.Text)
	}
	return fmt.Sprintf("%s: %s", a.Step, a.Failure)
}
