package ftp

import "time"

// state is what the control goroutine knows about the dialogue.
type state struct {
	session Session
	logout  func() // ends what endWith began for session
	dir     string // working directory
	user    string // given with USER, while PASS is awaited
	parameters
	pending
	counts
	reason string // why the dialogue is over; "" while it is not
}

// parameters are what the client has chosen, and REIN resets (RFC 959 section 4.1.1).
type parameters struct {
	binary    bool // TYPE I
	deflate   bool // MODE Z
	zipLevel  int
	protected bool // PROT P
	pbsz      bool // PBSZ was given
	epsvAll   bool
	facts     facts // of MLST
	hash      *hashAlgorithm
}

// defaultParameters are those of a new connection. With implicit TLS data is protected
// from the start, without PROT, by custom.
func (c *Conn) defaultParameters() parameters {
	return parameters{zipLevel: -1, protected: c.listener.Implicit, facts: allFacts, hash: defaultHash}
}

// pending is what only the next command of the client completes.
type pending struct {
	data       dataSource // where the next data connection comes from
	renameFrom string
	offset     int64 // of REST
}

// counts are of the session that is logged in or, before, of the connection.
type counts struct {
	since       time.Time // when they began
	commands    int
	beforeLogin int // commands
	garbage     int // what was no command
	failed      int // logins, of the connection
	logins      int // of the connection
}

// end makes the control goroutine finish after the current command.
func (s *state) end(reason string) {
	if s.reason == "" {
		s.reason = reason
	}
}
