package ftp

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// A Conn is a control connection. Backends and hooks receive it to learn about
// the client; its methods may be called from any goroutine.
type Conn struct {
	server *Server
	origin
	control
	ctx    context.Context
	cancel context.CancelFunc

	resumes resumption // of TLS sessions, on data connections

	state   state               // used by the control goroutine only
	stopped atomic.Int32        // from which point on it has to end: see keepGoing
	aborted atomic.Bool         // by Abort
	current atomic.Pointer[job] // the transfer that runs, if any
	own     conns.Own[Limits]
	attention

	unforeseens atomic.Int32 // how many errors nobody foresaw

	active     atomic.Int64 // when something was last done, Unix nanoseconds
	loginSince atomic.Int64 // when the login grace began, Unix nanoseconds; 0 once logged in
	parting    atomic.Bool  // what is sent now is the last

	mu sync.Mutex // guards what follows, which others read
	shared
}

// origin is where a connection came from. It never changes.
type origin struct {
	id       uint64
	listener ListenerOptions
	started  time.Time
	remote   netip.AddrPort
	local    netip.AddrPort
	direct   bool // the addresses are those of the socket: no proxy has named others
}

// control is the control connection.
type control struct {
	raw     net.Conn // as accepted
	nc      net.Conn // raw, or TLS over it
	in      lineReader
	writing sync.Mutex // of a whole reply
}

// shared is what the control goroutine tells others.
type shared struct {
	user       string
	host       string
	clientName string
	tls        *tls.ConnectionState
	lineage    lineage
	verb       string // last command
	downloaded int64
	uploaded   int64
	endText    string // for the client, when the session is ended
}

// ID is unique among the connections of a server.
func (c *Conn) ID() uint64 { return c.id }

// RemoteAddr is the client's address, IPv4 in IPv6 unmapped.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.remote }

// LocalAddr is the address that the client connected to.
func (c *Conn) LocalAddr() netip.AddrPort { return c.local }

// Listener returns the options of the listener that accepted the connection.
func (c *Conn) Listener() ListenerOptions { return c.listener }

// User is the name of the user logged in, or "".
func (c *Conn) User() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user
}

// Host is the name given with HOST, or by TLS server name indication if there
// was none, or "".
func (c *Conn) Host() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.host == "" && c.tls != nil {
		return c.tls.ServerName
	}
	return c.host
}

// settings are those in force.
func (c *Conn) settings() *Settings { return c.server.settings.Load() }

// TLS is the state of TLS on the control connection, or nil without TLS.
func (c *Conn) TLS() *tls.ConnectionState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tls
}

// SessionInfo is a snapshot of a session.
type SessionInfo struct {
	ID         uint64
	Listener   string // ListenerOptions.Name
	User       string // "" before login
	Host       string
	ClientName string // as the client calls itself with CLNT or CSID
	Remote     netip.AddrPort
	Start      time.Time
	LastActive time.Time
	TLS        bool
	LastVerb   string
	Transfer   *TransferRecord // that runs, with the bytes moved so far; nil when idle
}

func (c *Conn) info() SessionInfo {
	i := SessionInfo{
		ID:         c.id,
		Listener:   c.listener.Name,
		Host:       c.Host(),
		Remote:     c.remote,
		Start:      c.started,
		LastActive: time.Unix(0, c.active.Load()),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i.User, i.ClientName, i.TLS, i.LastVerb = c.user, c.clientName, c.tls != nil, c.verb
	if j := c.current.Load(); j != nil {
		i.Transfer = j.info()
	}
	return i
}

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
	protected bool // PROT P
	pbsz      bool // PBSZ was given
	epsvAll   bool
	facts     facts // of MLST
	hash      *hashAlgorithm
}

// defaultParameters are those of a new connection. With implicit TLS data is protected
// from the start, without PROT, by custom.
func (c *Conn) defaultParameters() parameters {
	return parameters{protected: c.listener.Implicit, facts: allFacts, hash: defaultHash}
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
