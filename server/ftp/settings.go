package ftp

// Settings are what may change while a server runs. They count for all sessions.
type Settings struct {
	// Greeting is the text of the first reply. It may have several lines. Default: "FTP
	// server ready".
	Greeting string

	// TLS says what AUTH TLS (RFC 4217) is, on all listeners that are not implicit.
	TLS TLSPolicy
	// MinTLSVersion is the oldest version of TLS that sessions may have, and
	// ClientCertificate is whether those with TLS need a certificate of the client. The
	// handshakes themselves go by Options.TLSConfig, which has to say the same.
	MinTLSVersion     uint16
	ClientCertificate bool

	// Limits bound what clients can use.
	Limits Limits

	// BinaryASCII has TYPE A transfer bytes unchanged, as TYPE I does, so that SIZE and
	// REST work in TYPE A as well. Without it, the ends of lines are translated.
	BinaryASCII bool

	// NoActive refuses active data connections (PORT, EPRT): where the addresses of
	// clients are hidden behind that of a node or a balancer, such connections would go to
	// the node or the balancer. STAT does not tell the address then.
	NoActive bool

	// PeerCheck says who may make a passive data connection.
	PeerCheck PeerCheck
}

// A TLSPolicy says whether clients may or must use TLS.
type TLSPolicy int

const (
	// TLSRequired refuses a login on an unprotected control connection, and
	// unprotected data connections. It is the zero value.
	TLSRequired TLSPolicy = iota
	// TLSOptional lets the client choose.
	TLSOptional
	// TLSDisabled does not offer TLS.
	TLSDisabled
)

// A PeerCheck says how the server knows that a passive data connection comes
// from the client that asked for it.
type PeerCheck int

const (
	// PeerAddress wants the address of the control connection. Clients of
	// different addresses share a port at the same time.
	PeerAddress PeerCheck = iota
	// PeerTLSSession wants a protected data connection to resume the TLS
	// session of the control connection, and ignores its address: for where
	// addresses are rewritten on the way. A port then awaits one client at a
	// time. Data connections without TLS are checked by address still, since
	// nothing else tells whose they are.
	PeerTLSSession
	// PeerAny takes the first connection, whoever makes it: for where addresses
	// are rewritten on the way, and clients without TLS or without session
	// resumption must be served all the same. Data can be stolen or forged by
	// whoever connects first. A port then awaits one client at a time.
	PeerAny
)

// Set replaces the settings. They count for the next command or transfer of a session.
//
// Sessions whose TLS would not be admitted any more are ended, and their transfers cut:
// those that have logged in without TLS, or transfer without it, where that is required,
// and those whose TLS has too old a version, or no certificate of the client where that is
// required. No such login and no such transfer succeeds once Set has returned. Sessions
// that use TLS go on with TLSDisabled.
func (s *Server) Set(settings Settings) {
	if settings.Greeting == "" {
		settings.Greeting = "FTP server ready"
	}
	s.limits.Set(settings.Limits)
	s.settings.Store(&settings)
	for _, c := range s.conns.All() {
		c.reviewTLS()
	}
}
