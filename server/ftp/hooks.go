package ftp

import (
	"crypto/tls"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// Hooks are told what happens. Any may be nil. They are called on the
// goroutine that does the work, so they should be quick. None ever receives a
// password.
type Hooks struct {
	// Connect is called for a new control connection before anything is
	// sent. An error refuses it: an *Error is sent, for any other the
	// connection is closed without a word.
	Connect func(c *Conn) error
	// Login is called after each attempt.
	Login func(c *Conn, r LoginRecord)
	// TransferStart and TransferEnd enclose each use of a data connection,
	// listings included. The client has the final reply when TransferEnd is
	// called.
	TransferStart func(c *Conn, r TransferRecord)
	TransferEnd   func(c *Conn, r TransferRecord)
	// Work is called when the server has read or written files for a command
	// that is no transfer: HASH and its older kin, COMB, DSIZ. The record has Verb,
	// Path, Start, Duration and Err.
	Work func(c *Conn, r TransferRecord)
	// Logout is called when a user logs out and the connection stays (REIN, or
	// USER once more), with what was done since the login. Disconnect's record
	// begins anew then.
	Logout func(c *Conn, r SessionRecord)
	// Disconnect is called once for each connection that Connect accepted.
	Disconnect func(c *Conn, r SessionRecord)
}

// A LoginRecord is one attempt to log in.
type LoginRecord struct {
	User  string
	Err   error // nil if it succeeded
	Again bool  // somebody has logged in on this connection before
}

// A SessionRecord is a whole connection, or what is left of it after the last
// logout.
type SessionRecord struct {
	User     string // "" if nobody is logged in
	Start    time.Time
	Duration time.Duration
	// Commands is how many were received. Zero is a probe: something
	// connected and left, as health checks do, which deserves no attention.
	Commands      int
	Downloaded    int64 // bytes on data connections, listings included
	Uploaded      int64
	Reason        string // why it ended: "quit", "lost", "idle", "login timeout", "drain", "ended", "limit", "garbage", "error"; "logout" if it has not
	FailedLogins  int
	TLSVersion    uint16 // of the control connection; 0 without TLS
	CipherSuite   uint16
	TLSServerName string
}

// Direction is where data flows.
type Direction = conns.Direction

const (
	// Download is from the server to the client, listings included.
	Download = conns.Download
	// Upload is from the client to the server.
	Upload = conns.Upload
)

// A TransferRecord describes a transfer. When it starts, Bytes, Duration,
// Code, Err and the TLS fields are zero.
type TransferRecord struct {
	Verb      string // RETR, STOR, STOU, APPE, LIST, NLST, MLSD
	Path      string // absolute in the session; of COMB, the target
	Direction Direction
	Offset    int64 // where in the file it started
	Start     time.Time
	Passive   bool

	Bytes       int64 // that crossed the data connection, as the client sees them
	Duration    time.Duration
	Code        int   // of the final reply
	Err         error // nil if it is complete
	TLSVersion  uint16
	CipherSuite uint16
	TLSResumed  bool
}

// TLS returns the protocol and cipher names, or empty strings without TLS.
func (r TransferRecord) TLS() (version, cipher string) {
	if r.TLSVersion == 0 {
		return "", ""
	}
	return tls.VersionName(r.TLSVersion), tls.CipherSuiteName(r.CipherSuite)
}
