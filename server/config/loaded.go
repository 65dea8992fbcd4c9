package config

// Loaded is what the server reports at [PathConfig]: hashes of the files that
// are in force, so that the operator can tell whether a change has arrived.
type Loaded struct {
	// Config and Users are [Hash] of the files' bytes.
	Config string `json:"config"`
	Users  string `json:"users"`
	// TLS is the certificate's SHA-256 fingerprint, in hex; empty without TLS.
	TLS string `json:"tls,omitempty"`
	// Error says why a newer file was refused; empty if all is well. The
	// last good files stay in force.
	Error string `json:"error,omitempty"`
	// Draining is true after SIGTERM.
	Draining bool `json:"draining"`
	// Sessions and Transfers are what runs now.
	Sessions  int `json:"sessions"`
	Transfers int `json:"transfers"`
}
