package ftp

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// ErrServerClosed is returned by [Server.Serve] after [Server.Shutdown] or
// [Server.Close].
var ErrServerClosed = conns.ErrServerClosed

// Options are what a server is made with.
type Options struct {
	// Backend checks logins and provides the files. Required.
	Backend Backend

	// TLSConfig returns the configuration for one TLS handshake, of a control
	// connection or of one of its data connections. It is called each time,
	// so certificates may be replaced while the server runs, and may choose by
	// hello.ServerName or by the name that the client gave with HOST
	// ([Conn.Host]). It must not be nil where a listener offers TLS.
	//
	// The server works on a copy, without GetConfigForClient and KeyLogWriter, and
	// manages session tickets itself, because data connections have to resume the
	// session of their control connection.
	TLSConfig func(c *Conn, hello *tls.ClientHelloInfo) (*tls.Config, error)

	// Passive is where ports for passive data connections come from. When nil,
	// the system chooses a port.
	Passive *passive.Pool

	// Advertise is called before a passive port is advertised to the client on c,
	// and may wait until data connections can arrive there. For PASV it returns
	// the address to advertise, which has to be an IPv4 address. For EPSV
	// (extended) only a port is advertised, and the address that it returns is
	// not used. An error is logged and answered 425. When nil, PASV advertises the
	// local address of the control connection.
	Advertise func(ctx context.Context, c *Conn, extended bool) (netip.Addr, error)

	// Limits are in force until SetLimits replaces them.
	Limits Limits

	// Hooks are told what happens, for audit logs and metrics.
	Hooks Hooks

	// Logger receives what an operator of the server should know. Sessions and
	// transfers are not logged, they go to Hooks; what single clients do
	// wrong is logged at debug level. When nil, nothing is logged.
	Logger *slog.Logger

	// Greeting is the text of the first reply. It may have several lines.
	Greeting string

	parting time.Duration // what tests give clients besides partingTime
}

// A Server serves FTP on any number of listeners. What may change while it runs
// has a method: [Server.SetLimits], [Server.SetBinaryASCII], [Server.SetNoActive],
// [Server.SetTLS], [Server.SetPeerCheck], [passive.Pool.Update]; and Options.TLSConfig is asked for each handshake.
type Server struct {
	opts      Options
	conns     conns.Set[*Conn]
	limits    *conns.Limits[Limits]
	noActive  atomic.Bool             // see SetNoActive
	tlsRule   atomic.Pointer[tlsRule] // see SetTLS; nil: that of the listener
	asIs      atomic.Bool             // see SetBinaryASCII
	peerCheck atomic.Int32            // see SetPeerCheck
	tickets   ticketKeys
	turns     move.Turns   // of downloads
	buffers   move.Buffers // of transfers
	hashing   *shares      // who compute checksums leave a processor to all others
}

// New returns a server that is ready to serve. It has a copy of the options.
func New(opts Options) *Server {
	if opts.Passive == nil {
		opts.Passive = passive.NewPool(passive.Options{})
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Greeting == "" {
		opts.Greeting = "FTP server ready"
	}
	return &Server{
		opts:    opts,
		limits:  conns.NewLimits(opts.Limits, Limits.withDefaults),
		turns:   move.NewTurns(),
		hashing: newShares(runtime.GOMAXPROCS(0) - 1),
	}
}

// ListenerOptions are the properties of one listener.
type ListenerOptions struct {
	// Name is for logs and metrics, for example "ftp" or "ftps".
	Name string

	// TLS says what AUTH TLS (RFC 4217) is, until SetTLS says otherwise. Ignored
	// with Implicit.
	TLS TLSPolicy

	// Implicit makes a connection start with a TLS handshake, as on port 990.
	Implicit bool

	// DataPort is the local port from which active data connections leave: 20
	// by convention, or 989 for implicit TLS. Zero is any port.
	DataPort uint16
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

// StaticTLS returns a function for Options.TLSConfig that always returns config.
func StaticTLS(config *tls.Config) func(*Conn, *tls.ClientHelloInfo) (*tls.Config, error) {
	return func(*Conn, *tls.ClientHelloInfo) (*tls.Config, error) { return config, nil }
}

// Serve accepts control connections on ln until ln fails or the server is shut
// down, and closes ln. It may be called several times, with different
// listeners. After Shutdown or Close it returns ErrServerClosed.
//
// Connections may be of any type; if ln is wrapped, for example to read a
// PROXY protocol header, RemoteAddr of its connections is only called on a
// goroutine of their own, so it may block. A wrapped connection should have a
// method NetConn() net.Conn that returns what it wraps: options of the socket,
// such as those for keepalives and for urgent data, are set there.
func (s *Server) Serve(ln net.Listener, opts ListenerOptions) error {
	return s.conns.Serve(ln, s.opts.Logger, func(nc net.Conn) {
		defer nc.Close()
		conns.Guard(s.opts.Logger, "serving a connection", func() { s.serve(nc, opts) })
	})
}

// Shutdown drains the server: listeners are closed, sessions that are idle are
// ended with 421, and those that transfer are when their transfer is finished.
// It returns nil when the last session has gone. When ctx ends first, what
// still runs is cut and Shutdown returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	return s.conns.Shutdown(ctx, func(c *Conn) { c.stop(whenDraining) }, (*Conn).Abort)
}

// Close closes listeners and connections at once, cutting transfers. To wait
// until the sessions have gone, call Shutdown after it.
func (s *Server) Close() error {
	s.conns.Stop((*Conn).Abort)
	return nil
}

// Sessions returns a snapshot of all sessions, in no particular order.
func (s *Server) Sessions() []SessionInfo {
	all := s.conns.All()
	infos := make([]SessionInfo, len(all))
	for i, c := range all {
		infos[i] = c.info()
	}
	return infos
}

// EndSessions ends every session for which match returns true, with 421 and
// text, cutting its transfer, and returns how many those were. It serves for
// users that were removed or suspended. It does not wait for them to be gone.
func (s *Server) EndSessions(match func(SessionInfo) bool, text string) int {
	return s.conns.End(func(c *Conn) bool { return match(c.info()) }, func(c *Conn) { c.endSession(text) })
}

// endSession ends the connection with 421 and text.
func (c *Conn) endSession(text string) {
	c.mu.Lock()
	c.endText = text
	c.mu.Unlock()
	c.stop(atOnce)
}

// Abort ends the connection at once and without a word, as for one that has to
// make room for others. It may be called from any goroutine, and does not wait.
func (c *Conn) Abort() {
	c.aborted.Store(true)
	c.stop(atOnce)
	c.cancel()
	c.raw.Close()
}

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

// SetPeerCheck says who may make a passive data connection, for commands that come from
// then on. Without it, that is PeerAddress.
func (s *Server) SetPeerCheck(check PeerCheck) { s.peerCheck.Store(int32(check)) }

func (s *Server) currentPeerCheck() PeerCheck { return PeerCheck(s.peerCheck.Load()) }
