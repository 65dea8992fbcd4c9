package config

// Loaded is what the server reports at [PathConfig]: hashes of the files that
// are in force, so that the operator can tell whether a change has arrived.
type Loaded struct {
	// Config is [Hash] of the file's bytes, and Users are those of the files with
	// users, by their names.
	Config string            `json:"config"`
	Users  map[string]string `json:"users"`
	// TLS is the certificate's SHA-256 fingerprint, in hex; empty without TLS.
	TLS string `json:"tls,omitempty"`
	// HostKeys are the SHA-256 fingerprints of the SSH host keys, as ssh-keygen -l
	// writes them.
	HostKeys []string `json:"hostKeys,omitempty"`
	// Error says why a newer file was refused; empty if all is well. The
	// last good files stay in force.
	Error string `json:"error,omitempty"`
	// LeftOut are the entries that cannot be used, but no more than [MaxLeftOut] of
	// them; LeftOutCount is how many there are.
	LeftOut      []LeftOut `json:"leftOut,omitempty"`
	LeftOutCount int       `json:"leftOutCount,omitempty"`
	// Cold are the cold fields in which the newest configuration differs from
	// that in force. They need a restart.
	Cold []string `json:"cold,omitempty"`
	// Listeners are what clients can connect to.
	Listeners []Listener `json:"listeners"`
	// Denied are folders that the server may not use as the users need it, but no
	// more than [MaxDenied] of them. Looking is true while it finds out about
	// users that are new, or about the bucket.
	Denied  []Denied `json:"denied,omitempty"`
	Looking bool     `json:"looking,omitempty"`
	// Bucket says what the bucket cannot be used for; nil if there is nothing, and
	// while nobody knows.
	Bucket *BucketFault `json:"bucket,omitempty"`
	// Events says how events are delivered; nil if none are told.
	Events *EventsState `json:"events,omitempty"`
	// Draining is true after SIGTERM.
	Draining bool `json:"draining"`
	// Sessions and Transfers are what runs now.
	Sessions  int `json:"sessions"`
	Transfers int `json:"transfers"`
}

// LeftOut is an entry that cannot be used. All else is in force.
type LeftOut struct {
	// User is whose entry it is; empty: the server's.
	User string `json:"user,omitempty"`
	// Field is the entry's: "authorizedKeys[1]", "ssh.trustedUserCAKeys[0]".
	Field string `json:"field"`
	// Reason ends a sentence that begins with the field, and holds no secret.
	Reason string `json:"reason"`
}

// MaxLeftOut is how many entries are told at most.
const MaxLeftOut = 100

// A Listener is a port of the server.
type Listener struct {
	Name string `json:"name"` // ProtocolFTP, ProtocolFTPS or ProtocolSFTP
	Port int    `json:"port"`
	// TLS is the policy that is in force; only for [ProtocolFTP].
	TLS TLSPolicy `json:"tls,omitempty"`
	// Error says why nobody can log in; empty if all is well.
	Error string `json:"error,omitempty"`
}
