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

	// Hooks are told what happens, for audit logs and metrics.
	Hooks Hooks

	// Logger receives what an operator of the server should know. Sessions and
	// transfers are not logged, they go to Hooks; what single clients do
	// wrong is logged at debug level. When nil, nothing is logged.
	Logger *slog.Logger

	// Settings are in force until Set replaces them.
	Settings

	parting time.Duration // what tests give clients besides partingTime
}

// A Server serves FTP on any number of listeners. While it runs, [Server.Set] and
// [passive.Pool.Update] change what may change, and Options.TLSConfig is asked for each
// handshake.
type Server struct {
	opts     Options
	conns    conns.Set[*Conn]
	settings atomic.Pointer[Settings]
	limits   *conns.Limits[Limits] // of the settings, with defaults
	tickets  ticketKeys
	turns    move.Turns   // of downloads
	buffers  move.Buffers // of transfers
	hashing  *shares      // who compute checksums leave a processor to all others
}

// New returns a server that is ready to serve. It has a copy of the options.
func New(opts Options) *Server {
	if opts.Passive == nil {
		opts.Passive = passive.NewPool(passive.Options{})
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		opts:    opts,
		limits:  conns.NewLimits(opts.Limits, Limits.withDefaults),
		turns:   move.NewTurns(),
		hashing: newShares(runtime.GOMAXPROCS(0) - 1),
	}
	s.Set(opts.Settings)
	return s
}

// ListenerOptions are the properties of one listener.
type ListenerOptions struct {
	// Name is for logs and metrics, for example "ftp" or "ftps".
	Name string

	// Implicit makes a connection start with a TLS handshake, as on port 990, whatever
	// Settings.TLS is.
	Implicit bool

	// DataPort is the local port from which active data connections leave: 20
	// by convention, or 989 for implicit TLS. Zero is any port.
	DataPort uint16
}

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
		conns.Guard(s.opts.Logger, "serving a connection", func() { s.serve(nc, opts) }, nil)
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
