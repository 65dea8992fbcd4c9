package ftp

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
)

// ErrServerClosed is returned by [Server.Serve] after [Server.Shutdown] or
// [Server.Close].
var ErrServerClosed = errors.New("ftp: server closed")

// A Server serves FTP on any number of listeners. Its fields are set before
// the first call of Serve and not changed afterwards; what may change while it
// runs has a method: [Server.SetLimits], [Server.SetBinaryASCII], [Server.SetNoActive], [Server.SetTLS], [PassivePool.Update],
// and TLSConfig, which is asked for each handshake.
type Server struct {
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
	// the system chooses a port and clients are told the address on which
	// they reached the control connection.
	Passive *PassivePool

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

	// HostGreeting answers HOST (RFC 7151): it returns the greeting of the
	// virtual host, or an error if there is none of that name (an error other
	// than *Error becomes 504). When nil, every name is accepted and nothing
	// depends on it.
	HostGreeting func(ctx context.Context, c *Conn, host string) (string, error)

	// WrapData may return a connection to use in place of a data connection,
	// before any TLS. Returning conn itself keeps sendfile and splice. For
	// bandwidth limits use Limits or Throttle, which keep them as well. To
	// wrap control connections, wrap the listener given to Serve; for passive
	// listeners see PassiveOptions.WrapListener.
	WrapData func(c *Conn, conn net.Conn) net.Conn

	// Throttle returns a limiter in bytes for the transfers of a session in
	// one direction, in addition to Limits; nil is no limit. It may be shared
	// between sessions. It is called once for each transfer. A *rate.Limiter
	// of golang.org/x/time/rate is a RateLimiter.
	Throttle func(c *Conn, d Direction) RateLimiter

	// BinaryASCII makes TYPE A transfer bytes unchanged, as TYPE I does, until
	// SetBinaryASCII says otherwise. SIZE and REST then work in TYPE A as well.
	BinaryASCII bool

	// Deflate offers MODE Z. It costs processor time and about 300 KiB of
	// memory for each transfer that uses it.
	Deflate bool

	limits   atomic.Pointer[serverLimits]
	noActive atomic.Bool             // see SetNoActive
	tlsRule  atomic.Pointer[TLSRule] // see SetTLS; nil: that of the listener
	asIs     atomic.Pointer[bool]    // in place of BinaryASCII, if it was set since
	tickets  ticketKeys
	parting  time.Duration          // what tests give clients besides partingTime
	turns    move.Turns             // of downloads
	buffers  move.Buffers           // of transfers
	hashing  atomic.Pointer[shares] // see hashShares

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*Conn]struct{}
	byAddr    map[netip.Addr]int
	byUser    map[string]int
	stopping  bool          // Shutdown or Close was called
	empty     chan struct{} // closed when stopping and the last Conn is gone
	freePool  *PassivePool  // in place of Passive, if that is nil
	nextID    uint64
	started   time.Time // when the first listener was served
	visited   time.Time // when the first control connection came
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

// StaticTLS returns a function for Server.TLSConfig that always returns config.
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
				s.logger().Warn("accepting a control connection failed, trying again", "error", err, "in", delay)
				time.Sleep(delay)
				continue
			}
			return err
		}
		delay = 0
		go s.serveConn(nc, opts)
	}
}
