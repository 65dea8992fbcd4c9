package sftp

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// ErrServerClosed is returned by [Server.Serve] after [Server.Shutdown] or
// [Server.Close].
var ErrServerClosed = errors.New("sftp: server closed")

// A Server serves SFTP and scp on any number of listeners. Its fields are set
// before the first call of Serve and not changed afterwards; what may change
// while it runs is asked for when it is needed (Config), or has a method
// ([Server.SetLimits]).
type Server struct {
	// Backend checks logins and provides the files. Required.
	Backend Backend

	// Config returns host keys, algorithms and the like for one connection.
	// It is called once for each, so all of them may be replaced while the
	// server runs; see Static for a fixed one. Required.
	Config func(c *Conn) (*ConnConfig, error)

	// Limits are in force until SetLimits replaces them.
	Limits Limits

	// Hooks are told what happens, for audit logs and metrics.
	Hooks Hooks

	// Logger receives what an operator of the server should know. Sessions and
	// transfers are not logged, they go to Hooks; what single clients do
	// wrong is logged at debug level, but at info why one cannot even try to
	// log in. When nil, nothing is logged.
	Logger *slog.Logger

	// Version is what the server calls itself in its identification, after
	// "SSH-2.0-" (RFC 4253 section 4.2): printable ASCII without a space or a
	// minus sign. Default: "fileserver".
	Version string

	// SetStat says what becomes of owners, modes and times that a client sets.
	SetStat SetStatMode

	// NoSCP refuses the scp protocol. SFTP, which scp of OpenSSH 9 uses, is
	// not affected.
	NoSCP bool

	limits atomic.Pointer[serverLimits]
	hurry  atomic.Bool  // half of the time to drain is over
	files  atomic.Int64 // that are open

	programWait atomic.Int64 // for tests: in place of programWait, if not 0

	turnsOnce sync.Once
	turns     chan struct{} // see turn

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*Conn]struct{}
	byAddr    map[netip.Addr]int
	accounts  map[string]*account
	stopping  bool          // Shutdown or Close was called
	empty     chan struct{} // closed when stopping and the last Conn is gone
	nextID    uint64
}

// ListenerOptions are the properties of one listener.
type ListenerOptions struct {
	// Name is for logs and metrics, for example "sftp".
	Name string
}

// ConnConfig is what a connection is made with.
type ConnConfig struct {
	// HostKeys are the server's keys, at least one, the most wanted first. All
	// are told to clients that ask for it (hostkeys-00@openssh.com). A key is
	// used if Algorithms.HostKeys has an algorithm for it.
	HostKeys []ssh.Signer

	// Algorithms replace the defaults, list by list.
	Algorithms Algorithms

	// Banner is shown before authentication (RFC 4252 section 5.4). A newline
	// is added if it has none at its end.
	Banner string

	// TrustedUserCAs are the authorities whose user certificates are accepted.
	// A certificate must name the user as a principal.
	TrustedUserCAs []ssh.PublicKey
}

// Static returns a function for Server.Config that always returns config.
func Static(config *ConnConfig) func(*Conn) (*ConnConfig, error) {
	return func(*Conn) (*ConnConfig, error) { return config, nil }
}

// A SetStatMode says what becomes of attributes that a client sets on a file.
type SetStatMode int

const (
	// SetStatLenient sets what can be set, and refuses the rest. Only of a
	// file that the client has open for writing, owners, modes and times that
	// the backend refuses or cannot set are ignored: an upload that wants them
	// should not fail for it. Sizes are always set or refused.
	SetStatLenient SetStatMode = iota
	// SetStatStrict refuses what cannot be set.
	SetStatStrict
	// SetStatIgnore sets sizes and times only.
	SetStatIgnore
)

// Serve accepts connections on ln until ln fails or the server is shut down,
// and closes ln. It may be called several times, with different listeners.
// After Shutdown or Close it returns ErrServerClosed.
//
// Connections may be of any type; if ln is wrapped, for example to read a
// PROXY protocol header, RemoteAddr of its connections is only called on a
// goroutine of their own, so it may block.
func (s *Server) Serve(ln net.Listener, opts ListenerOptions) error {
	defer ln.Close()
	if err := s.start(ln); err != nil {
		return err
	}
	defer s.forget(ln)
	var delay time.Duration
	for {
		nc, err := ln.Accept()
		if err != nil {
			if s.isStopping() {
				return ErrServerClosed
			}
			// Out of file descriptors, most likely: accepting goes on when
			// some are free again, as in net/http.
			if ne, ok := err.(net.Error); ok && ne.Temporary() {
				delay = min(max(2*delay, 5*time.Millisecond), time.Second)
				s.logger().Warn("accepting a connection failed, trying again", "error", err, "in", delay)
				time.Sleep(delay)
				continue
			}
			return err
		}
		delay = 0
		go s.serveConn(nc, opts)
	}
}
