package sftp

import (
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// Hooks are told what happens. Any may be nil. They are called on the
// goroutine that does the work, so they should be quick. None ever receives a
// password or a key.
type Hooks struct {
	// Connect is called for a new connection before anything is sent. An
	// error refuses it: the connection is closed, and the text of an *Error
	// is sent to the client.
	Connect func(c *Conn) error
	// Login is called after each attempt. Keys that a client offers and that
	// are not the user's are no attempts, since clients offer all they have;
	// when a connection ends after nothing but those, it is called once for
	// all of them.
	Login func(c *Conn, r LoginRecord)
	// TransferStart and TransferEnd enclose the transfer of a file, from the
	// first byte that is read or written until the file is closed.
	TransferStart func(c *Conn, r TransferRecord)
	TransferEnd   func(c *Conn, r TransferRecord)
	// Work is called when the server has read a file for something other than a
	// transfer: copy-data, and the tools for checksums.
	Work func(c *Conn, r WorkRecord)
	// Disconnect is called once for each connection that Connect accepted.
	Disconnect func(c *Conn, r SessionRecord)
}

// A LoginRecord is one attempt to log in.
type LoginRecord struct {
	User string
	// Method is "password", "keyboard-interactive", "publickey", "certificate"
	// or, of a user who needs both, the two joined by a plus sign.
	Method string
	// Key is the fingerprint (SHA256:…) of the key, or of the certificate's
	// key; empty for passwords.
	Key string
	Err error // nil if it succeeded
	// Unverified means that the connection has ended without an attempt that
	// was told of: after offering keys that were refused (Err has the reason of one),
	// a key with which it did not sign, or only one of two credentials. Err is
	// ErrRefused unless one of them was wrong.
	Unverified bool
}

// A WorkRecord is work on a file that is no transfer.
type WorkRecord struct {
	Verb string // "copy-data", "sha256sum", ...
	Path string // absolute in the session; the file that was read
	Err  error  // nil if it is complete
}

func (c *Conn) worked(verb, path string, err error) {
	if c.server.opts.Hooks.Work != nil {
		c.server.opts.Hooks.Work(c, WorkRecord{verb, path, err})
	}
}

// A SessionRecord is a whole connection.
type SessionRecord struct {
	User     string // "" if nobody logged in
	Start    time.Time
	Duration time.Duration
	// Probe means that the client sent no packet of SSH: something connected
	// and left, as health checks do, which deserves no attention.
	Probe bool
	// Commands is how many requests were served: attempts to log in, commands,
	// and requests of SFTP.
	Commands     int
	Downloaded   int64 // bytes of files
	Uploaded     int64
	Reason       string // why it ended: "quit", "lost", "idle", "login timeout", "login failed", "drain", "ended", "limit", "stalled", "algorithms" (none in common), "protocol", "error"
	FailedLogins int
	Client       string // the client's identification, without "SSH-2.0-"
	KeyExchange  string // algorithms; empty if there was no key exchange
	Cipher       string
	HostKey      string
}

// Direction is where data flows.
type Direction = conns.Direction

const (
	// Download is from the server to the client.
	Download = conns.Download
	// Upload is from the client to the server.
	Upload = conns.Upload
)

// A TransferRecord describes a transfer. When it starts, Bytes, Duration and
// Err are zero.
type TransferRecord struct {
	// Verb is GET or PUT (scp has the same), or COPY for copy-data, which
	// counts as an upload.
	Verb      string
	Via       string // "sftp" or "scp"
	Path      string // absolute in the session
	Direction Direction
	Offset    int64 // where in the file it started
	Start     time.Time

	Bytes    int64
	Duration time.Duration
	Err      error // nil if the client closed the file and nothing failed before
}
