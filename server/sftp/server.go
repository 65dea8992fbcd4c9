package sftp

import (
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// ErrServerClosed is returned by [Server.Serve] after [Server.Shutdown] or
// [Server.Close].
var ErrServerClosed = conns.ErrServerClosed

// Options are what a server is made with.
type Options struct {
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
}

// A Server serves SFTP and scp on any number of listeners. What may change
// while it runs is asked for when it is needed (Options.Config), or has a method
// ([Server.SetLimits]).
type Server struct {
	opts Options

	conns  conns.Set[*Conn]
	limits *conns.Limits[Limits]
	hurry  atomic.Bool  // half of the time to drain is over
	files  atomic.Int64 // that are open

	programWait atomic.Int64 // for tests: in place of programWait, if not 0

	turnsOnce sync.Once
	turns     chan struct{} // see turn

	mu       sync.Mutex
	accounts map[string]*account
}

// New returns a server that is ready to serve. It has a copy of the options.
func New(opts Options) *Server {
	return &Server{opts: opts, limits: conns.NewLimits(opts.Limits, Limits.withDefaults)}
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

// Static returns a function for Options.Config that always returns config.
func Static(config *ConnConfig) func(*Conn) (*ConnConfig, error) {
	return func(*Conn) (*ConnConfig, error) { return config, nil }
}

// Serve accepts connections on ln until ln fails or the server is shut down,
// and closes ln. It may be called several times, with different listeners.
// After Shutdown or Close it returns ErrServerClosed.
//
// Connections may be of any type; if ln is wrapped, for example to read a
// PROXY protocol header, RemoteAddr of its connections is only called on a
// goroutine of their own, so it may block.
func (s *Server) Serve(ln net.Listener, opts ListenerOptions) error {
	return s.conns.Serve(ln, s.logger(), func(nc net.Conn) { s.serveConn(nc, opts) })
}
