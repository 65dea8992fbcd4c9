package config

import (
	"net/netip"
	"path"
)

// Version of the files' format.
const Version = "v1"

// TLSPolicy says whether a listener takes unprotected sessions.
type TLSPolicy string

const (
	// TLSRequired refuses a login and a transfer without TLS.
	TLSRequired TLSPolicy = "Required"
	// TLSOptional leaves the choice to the client.
	TLSOptional TLSPolicy = "Optional"
	// TLSDisabled offers no TLS.
	TLSDisabled TLSPolicy = "Disabled"
)

// PeerCheck says how the server tells that a passive data connection comes
// from the client that asked for it.
type PeerCheck string

const (
	// PeerAddress wants the address of the control connection.
	PeerAddress PeerCheck = "Address"
	// PeerTLSSession wants a resumption of the control connection's TLS
	// session. It is for exposures that hide the addresses of clients;
	// unprotected transfers are checked by address even then.
	PeerTLSSession PeerCheck = "TLSSession"
	// PeerAny wants nothing: for exposures that hide addresses, where
	// unprotected transfers must work all the same. Port theft is possible.
	PeerAny PeerCheck = "Any"
)

// ActiveMode says whether the server opens data connections to clients (PORT, EPRT).
type ActiveMode string

const (
	// ActiveAllowed opens them to the address of the control connection.
	ActiveAllowed ActiveMode = "Allowed"
	// ActiveRefused opens none: for exposures that hide the addresses of
	// clients, where they would go to the node or the balancer.
	ActiveRefused ActiveMode = "Refused"
)

// ASCII says what TYPE A (RFC 959 section 3.1.1.1) does to a file.
type ASCII string

const (
	// ASCIIConvert converts line ends: LF on the volume, CR LF on the wire.
	ASCIIConvert ASCII = "Convert"
	// ASCIIKeep transfers the bytes as they are, as TYPE I does: for devices
	// that send no TYPE and mean binary.
	ASCIIKeep ASCII = "Keep"
)

// NodeAddress stands, as the address of a rule, for the address of the node on
// which the server runs ([FlagNodeAddress]).
const NodeAddress = "node"

// Config is what the server serves and how. Each field is hot or cold, as its tag
// "change" says, or that of the field around it:
//   - a hot one is in force as soon as a running server has read it, for the
//     control and data connections of all protocols;
//   - a cold one is in force in a server that starts with it. A running server
//     keeps what it has, and says so in [Loaded.Cold].
//
// Whether a pointer is nil is cold. [Fields] lists all fields with what they are.
type Config struct {
	Version   string    `json:"version" change:"cold"`
	Protocols Protocols `json:"protocols" change:"cold"`
	Passive   *Passive  `json:"passive,omitempty" change:"cold"` // needed by FTP and FTPS
	TLS       *TLS      `json:"tls,omitempty" change:"cold"`     // needed by FTP unless its policy is Disabled, and by FTPS
	SSH       *SSH      `json:"ssh,omitempty" change:"cold"`     // needed by SFTP
	Storage   Storage   `json:"storage" change:"hot"`
	UsersDir  string    `json:"usersDir" change:"hot"` // absolute path of the folder with the files of Users
	Sessions  Sessions  `json:"sessions" change:"hot"`
	Drain     Drain     `json:"drain" change:"cold"`

	// ActiveMode says whether clients may ask for active data connections;
	// default Allowed.
	ActiveMode ActiveMode `json:"activeMode,omitempty" change:"hot"`
	// ASCII says what TYPE A, with which every FTP session begins, does to a
	// file; default Convert.
	ASCII ASCII `json:"ascii,omitempty" change:"hot"`
	// FTPBanner is the text of the reply 220, with which FTP and FTPS greet. It may
	// have several lines (RFC 959 section 4.2); default "Ready".
	FTPBanner string `json:"ftpBanner,omitempty" change:"hot"`

	// Audit says where the audit trail is written.
	Audit Audit `json:"audit,omitzero" change:"hot"`

	// Events says where the server tells what clients have done to files; default nowhere.
	Events *Events `json:"events,omitempty" change:"hot"`

	// ProxyProtocolFrom lists the balancers whose PROXY protocol header
	// (versions 1 and 2) is believed. Empty: none is expected.
	ProxyProtocolFrom []netip.Prefix `json:"proxyProtocolFrom,omitempty" change:"hot"`
}

// Protocols has a field for each protocol that is served.
type Protocols struct {
	FTP  *FTP  `json:"ftp,omitempty"`
	FTPS *FTPS `json:"ftps,omitempty"`
	SFTP *SFTP `json:"sftp,omitempty"`
}

// FTP is the listener for FTP with explicit TLS (RFC 959, RFC 4217).
type FTP struct {
	Port     int       `json:"port"`
	DataPort int       `json:"dataPort"` // source port of active data connections
	TLS      TLSPolicy `json:"tls" change:"hot"`
}

// FTPS is the listener for FTP with implicit TLS.
type FTPS struct {
	Port     int `json:"port"`
	DataPort int `json:"dataPort"` // source port of active data connections
}

// SFTP is the listener for SSH.
type SFTP struct {
	Port int `json:"port"`
}

// PortRange is a range of ports, both ends included.
type PortRange struct {
	First int `json:"first"`
	Last  int `json:"last"`
}

// Len is the number of ports in the range.
func (r PortRange) Len() int { return r.Last - r.First + 1 }

// Contains reports whether the range has the port.
func (r PortRange) Contains(port int) bool { return r.First <= port && port <= r.Last }

// Passive says which ports passive data connections use and what clients are
// told.
type Passive struct {
	// Ports is the range of the whole FileServer. Each pod listens on its
	// own slice of it.
	Ports PortRange `json:"ports"`

	// AdvertisedPorts maps a port that the server listens on to the port that
	// clients are told, where the two differ (node ports). A port that is
	// not here is told as it is.
	AdvertisedPorts map[int]int `json:"advertisedPorts,omitempty" change:"hot"`

	// Advertise has the addresses that clients are told. The first rule that
	// matches the client counts; where none does, the client is told the
	// address to which it connected.
	Advertise []AdvertiseRule `json:"advertise,omitempty" change:"hot"`

	// PeerCheck says which data connections are accepted; default Address.
	PeerCheck PeerCheck `json:"peerCheck,omitempty" change:"hot"`

	// AdvertiseAfter is how long after the server's first control connection the
	// first ports are told, for exposures by which data connections come by
	// other nodes than their control connections; default at once.
	AdvertiseAfter Duration `json:"advertiseAfter,omitzero" change:"hot"`
}

// AdvertiseRule is an address told to some clients.
type AdvertiseRule struct {
	// Clients are the networks that the rule is for. Empty: all.
	Clients []netip.Prefix `json:"clients,omitempty"`
	// Addresses are IP addresses, host names (resolved when a client asks,
	// and cached) or [NodeAddress]. A client is told the first of its own
	// IP family; PASV can tell only IPv4 (RFC 2428 has EPSV for the rest).
	Addresses []string `json:"addresses"`
}

// SSH has the files of the host keys and the algorithms that are offered.
type SSH struct {
	HostKeyFiles []string `json:"hostKeyFiles" change:"hot"`
	// Banner is shown before authentication (RFC 4252, section 5.4).
	Banner string `json:"banner,omitempty" change:"hot"`
	// TrustedUserCAKeys are public keys, in authorized_keys format, whose
	// user certificates are accepted.
	TrustedUserCAKeys []string `json:"trustedUserCAKeys,omitempty" change:"hot"`
	// Algorithms replace the modern defaults, list by list.
	Algorithms SSHAlgorithms `json:"algorithms,omitzero" change:"hot"`
}

// SSHAlgorithms are lists of names as in RFC 4253, most wanted first. An empty
// list is the default one.
type SSHAlgorithms struct {
	KeyExchanges []string `json:"keyExchanges,omitempty"`
	Ciphers      []string `json:"ciphers,omitempty"`
	MACs         []string `json:"macs,omitempty"`
	HostKeys     []string `json:"hostKeys,omitempty"`
	PublicKeys   []string `json:"publicKeys,omitempty"`
}

// Storage says where files are.
type Storage struct {
	// Root is the folder that holds the homes of all users. No path and no
	// link leads out of it. Empty with Bucket.
	Root string `json:"root,omitempty" change:"cold"`
	// Bucket holds them in place of Root.
	Bucket *Bucket `json:"bucket,omitempty" change:"cold"`
	// AtomicUploads keeps an upload hidden until it is complete. In a bucket, all are.
	AtomicUploads bool `json:"atomicUploads,omitempty"`
	// KeepIncomplete is how long an upload that was cut is kept hidden, for its
	// user to go on with; default 7 days.
	KeepIncomplete Duration `json:"keepIncomplete,omitzero"`
	// Umask is taken from the modes of new files and folders; default 0007.
	Umask Mode `json:"umask,omitempty"`
	// FileMode and FolderMode are the modes of all new files and folders, in
	// place of what the client asks for and the umask leaves; default none.
	FileMode   Mode `json:"fileMode,omitempty"`
	FolderMode Mode `json:"folderMode,omitempty"`
}

// Sessions limits sessions. Zero is no limit for numbers, unless there is a
// default, and the default for durations.
type Sessions struct {
	// Max is how many sessions are logged in at once, in this pod; default one for
	// each 256 KiB of the container's memory limit (2048 with 512 MiB), or no limit
	// without one.
	Max        int `json:"max,omitempty"`
	MaxPerUser int `json:"maxPerUser,omitempty"` // at once, in this pod
	// MaxPerAddress is how many connections an address has at once in this pod,
	// logged in or not. IPv6 counts by its /64.
	MaxPerAddress int `json:"maxPerAddress,omitempty"`

	IdleTimeout Duration `json:"idleTimeout,omitzero"` // default 15m; a transfer is not idle
	LoginGrace  Duration `json:"loginGrace,omitzero"`  // default 1m; from connect to logged in
	// StallTimeout ends a transfer on which no byte has moved; default 2m.
	StallTimeout Duration `json:"stallTimeout,omitzero"`
	// CountKeepAlives has the keepalives of an SSH client count as activity,
	// so that IdleTimeout does not end a mounted folder.
	CountKeepAlives bool `json:"countKeepAlives,omitempty"`
	// MaxBeforeLogin is how many connections without a login there are at once
	// in this pod, besides Max. Beyond it, the oldest of the address that has
	// the most makes room; default 256.
	MaxBeforeLogin int `json:"maxBeforeLogin,omitempty"`

	Bandwidth Bandwidth `json:"bandwidth,omitzero"`
	Ban       Ban       `json:"ban,omitzero"`
}

// Bandwidth limits each session, in bytes per second. Zero is no limit.
type Bandwidth struct {
	Upload   int64 `json:"upload,omitempty"`
	Download int64 `json:"download,omitempty"`
}

// Ban refuses an address for a while after too many failed logins.
type Ban struct {
	Failures int      `json:"failures,omitempty"` // within Window; zero: no ban
	Window   Duration `json:"window,omitzero"`    // default 10m
	Duration Duration `json:"duration,omitzero"`  // default 10m
	// Exempt are networks whose addresses are never banned.
	Exempt []netip.Prefix `json:"exempt,omitempty"`
}

// Drain says how the server ends after SIGTERM.
type Drain struct {
	// AcceptFor is how long new sessions are still taken, while balancers
	// learn that the pod is going; default 5s.
	AcceptFor Duration `json:"acceptFor,omitzero"`
	// Timeout is how long running sessions may finish; default 5m.
	Timeout Duration `json:"timeout,omitzero"`
}

// HostKeyPaths are the default paths of the SSH host keys.
func HostKeyPaths() []string {
	paths := make([]string, len(SSHHostKeyFiles))
	for i, f := range SSHHostKeyFiles {
		paths[i] = path.Join(SSHDir, f)
	}
	return paths
}
