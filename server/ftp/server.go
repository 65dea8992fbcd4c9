package ftp

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
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
	// The server works on a copy and manages session tickets itself, because
	// data connections have to resume the session of their control connection.
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

	// PeerCheck says who may make a passive data connection, until SetPeerCheck
	// says otherwise.
	PeerCheck PeerCheck

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

	// BinaryASCII makes TYPE A transfer bytes unchanged, as TYPE I does, until
	// SetBinaryASCII says otherwise. SIZE and REST then work in TYPE A as well.
	BinaryASCII bool

	// Deflate offers MODE Z. It costs processor time and about 300 KiB of
	// memory for each transfer that uses it.
	Deflate bool

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
	tlsRule   atomic.Pointer[TLSRule] // see SetTLS; nil: that of the listener
	asIs      atomic.Bool             // see SetBinaryASCII
	peerCheck atomic.Int32            // see SetPeerCheck
	tickets   ticketKeys
	turns     move.Turns             // of downloads
	buffers   move.Buffers           // of transfers
	hashing   atomic.Pointer[shares] // see hashShares
}

// New returns a server that is ready to serve. It has a copy of the options.
func New(opts Options) *Server {
	if opts.Passive == nil {
		opts.Passive = passive.NewPool(passive.Options{})
	}
	s := &Server{opts: opts, limits: conns.NewLimits(opts.Limits, Limits.withDefaults)}
	s.SetPeerCheck(opts.PeerCheck)
	s.asIs.Store(opts.BinaryASCII)
	return s
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
	return s.conns.Serve(ln, s.logger(), func(nc net.Conn) { s.serveConn(nc, opts) })
}
