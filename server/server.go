package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/sftp"
	"github.com/fileserver-dev/fileserver-operator/server/users"
)

const (
	defaultIdleTimeout  = 15 * time.Minute
	defaultLoginGrace   = time.Minute
	defaultAcceptFor    = 5 * time.Second
	defaultDrainTimeout = 5 * time.Minute
)

// Options are what a server is started with.
type Options struct {
	// ConfigPath is the path of the configuration; default config.ConfigPath.
	ConfigPath string
	// PassivePorts is the slice of the passive range that is this pod's;
	// default the whole range.
	PassivePorts config.PortRange
	// NodeAddress is that of the pod's node, for rules that tell it.
	NodeAddress netip.Addr
	// HTTPAddress is where probes and metrics are served; default ":9090".
	HTTPAddress string
	// Memory is how many bytes the process may use; default: not known. See
	// users.NewDirectory for what follows from it.
	Memory int64
	// Logger gets all that is logged; default slog.Default.
	Logger *slog.Logger
	// Listen opens the listeners; default net.Listen. Tests give their own.
	Listen func(network, address string) (net.Listener, error)

	anyPassivePort bool          // for tests: the system chooses passive ports
	headerWait     time.Duration // headerWait, unless a test has changed it
}

// Server is a file server.
type Server struct {
	opts     Options
	log      *slog.Logger
	registry *prometheus.Registry
	metrics  *metrics
	audit    *audit
	users    *users.Directory
	ftp      *ftpService
	sftp     *sftpService

	files    atomic.Pointer[files]  // what is read from now on
	inForce  atomic.Pointer[files]  // all that follows from it has been done
	refused  atomic.Pointer[string] // why the newest files are not in force
	volume   *volume
	homes    *homes
	draining atomic.Bool
	ready    atomic.Bool
}

// New reads the configuration and returns a server that is ready to run. Its
// errors name the file and the field that are wrong.
func New(opts Options) (*Server, error) {
	if opts.ConfigPath == "" {
		opts.ConfigPath = config.ConfigPath
	}
	if opts.HTTPAddress == "" {
		opts.HTTPAddress = ":" + strconv.Itoa(config.PortHTTP)
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Listen == nil {
		opts.Listen = net.Listen
	}
	if opts.headerWait == 0 {
		opts.headerWait = headerWait
	}
	reg := prometheus.NewRegistry()
	s := &Server{opts: opts, log: opts.Logger, registry: reg, metrics: newMetrics(reg), users: users.NewDirectory(opts.Memory)}
	var f *files
	err := s.contain("reading the configuration", func() (err error) {
		f, err = readFiles(opts.ConfigPath, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.volume = newVolume(func() string { return s.storage().Root })
	s.homes = &homes{log: s.log}
	before := newBudget(s.log)
	s.audit = newAudit(s.log, s.metrics, before)
	clients := slog.New(&tame{to: s.log.Handler(), budget: before}) // what the protocols tell of them
	registerRuntime(reg)
	s.use(f)
	if f.config.Protocols.FTP != nil || f.config.Protocols.FTPS != nil {
		backend := &ftpBackend{users: s.users, trees: trees{s.storage, s.audit}, visits: &visits[*ftp.Conn]{users: s.users}}
		s.ftp = newFTPService(f, opts, s.files.Load, backend, s.audit, clients)
		registerPassive(reg, s.ftp.pool.Stats)
	}
	if f.config.Protocols.SFTP != nil {
		backend := &sftpBackend{users: s.users, trees: trees{s.storage, s.audit}, visits: &visits[*sftp.Conn]{users: s.users}}
		s.sftp = newSFTPService(f, s.files.Load, backend, s.audit, clients)
	}
	return s, nil
}

func (s *Server) storage() config.Storage { return s.files.Load().config.Storage }

// use puts files in force.
func (s *Server) use(f *files) {
	s.files.Store(f)
	s.users.SetAuthorities(marshaled(f.userCAs))
	f.leftOut = append(f.leftOut, s.users.Set(f.users, f.config.Sessions)...)
	if f.cert != nil && f.cert.Leaf != nil {
		s.metrics.certExpiry.Set(float64(f.cert.Leaf.NotAfter.Unix()))
	}
	for _, l := range f.leftOut[:min(len(f.leftOut), config.MaxLeftOut)] {
		s.log.Warn("something in the configuration is unusable, and left out", "user", l.User, "field", l.Field, "reason", l.Reason)
	}
	if len(f.cold) > 0 {
		s.log.Warn("fields of the configuration have changed that are in force after a restart only", "fields", f.cold)
	}
	if s.ftp != nil {
		s.ftp.reload(f.config)
	}
	if s.sftp != nil {
		s.sftp.reload(f.config)
	}
	s.homes.look(f.config.Storage.Root, f.users.Users)
	s.inForce.Store(f)
}

// reload reads the files again. What cannot be used changes nothing.
func (s *Server) reload() {
	var f *files
	err := s.contain("reading the configuration", func() (err error) {
		f, err = readFiles(s.opts.ConfigPath, s.inForce.Load())
		return err
	})
	if err == nil && !f.sameAs(s.inForce.Load()) {
		err = s.contain("using the configuration", func() error {
			s.use(f)
			return nil
		})
		if err == nil {
			s.metrics.reloads.WithLabelValues("success").Inc()
			s.log.Info("configuration reloaded", "config", f.configHash, "users", f.usersHash, "userCount", s.users.Len())
		}
	}
	if err != nil {
		reason := err.Error()
		if old := s.refused.Swap(&reason); old == nil || *old != reason {
			s.metrics.reloads.WithLabelValues("failure").Inc()
			s.log.Error("the changed configuration is refused; the last good one stays in force", "error", err)
		}
		return
	}
	s.refused.Store(nil)
}

// loaded is what is in force: the operator acts on it, so it is told no earlier.
func (s *Server) loaded() config.Loaded {
	f := s.inForce.Load()
	l := config.Loaded{
		Config: f.configHash, Users: f.usersHash, TLS: f.certHash, HostKeys: f.fingerprints(), Draining: s.draining.Load(),
		LeftOut: f.leftOut[:min(len(f.leftOut), config.MaxLeftOut)], LeftOutCount: len(f.leftOut),
		Cold: f.cold, Listeners: f.listeners(),
	}
	if reason := s.refused.Load(); reason != nil {
		l.Error = *reason
	}
	l.Denied, l.Looking = s.homes.told()
	for _, count := range s.counters() {
		sessions, transfers := count()
		l.Sessions += sessions
		l.Transfers += transfers
	}
	return l
}

var errNotListening = errors.New("not listening yet")

// readiness is why clients should not come, or nil.
func (s *Server) readiness() error {
	if !s.ready.Load() {
		return errNotListening
	}
	return s.volume.answers()
}

func (s *Server) counters() []func() (sessions, transfers int) {
	var c []func() (int, int)
	if s.ftp != nil {
		c = append(c, s.ftp.count)
	}
	if s.sftp != nil {
		c = append(c, s.sftp.count)
	}
	return c
}

// Run serves until ctx ends, and then drains: new sessions are taken for a few
// seconds more, running transfers finish, idle sessions are ended. It returns
// nil after a drain, even one that had to cut what took too long.
func (s *Server) Run(ctx context.Context) error {
	listeners, err := s.listen()
	if err != nil {
		return err
	}
	web, err := s.opts.Listen("tcp", s.opts.HTTPAddress)
	if err != nil {
		closeAll(listeners)
		return fmt.Errorf("listening for probes and metrics: %w", err)
	}
	// The HTTP endpoint outlives the drain: it reports it.
	httpServer := newHTTPServer(s.registry, s.readiness, s.loaded)
	httpDone := make(chan error, 1)
	go func() { httpDone <- httpServer.Serve(web) }()
	defer httpServer.Close()

	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var serving sync.WaitGroup
	for _, l := range listeners {
		serving.Go(func() {
			err := s.contain("serving "+l.name, func() error { return l.serve(l.Listener) })
			if err != nil && !isClosed(err) {
				stop(fmt.Errorf("serving %s: %w", l.name, err))
			}
		})
	}
	watching := context.WithoutCancel(ctx) // files are reloaded during a drain too
	watching, stopWatching := context.WithCancel(watching)
	defer stopWatching()
	serving.Go(func() {
		folders := func() []string { return s.files.Load().folders(s.opts.ConfigPath) }
		w := watcher{folders: folders, changed: s.reload, log: s.log, again: watchAgain}
		w.run(watching)
	})
	serving.Go(func() {
		_ = s.contain("looking for uploads that were cut", func() error {
			trees{storage: s.storage}.sweep(watching)
			return nil
		})
	})
	s.ready.Store(true)
	s.log.Info("serving", "listeners", len(listeners), "users", s.users.Len())

	select {
	case <-running.Done():
	case err := <-httpDone:
		stop(fmt.Errorf("serving probes and metrics: %w", err))
	}
	s.drain(ctx.Err() == nil)
	stopWatching()
	closeAll(listeners)
	within(time.Second, serving.Wait)
	if ctx.Err() == nil {
		return context.Cause(running)
	}
	s.log.Info("ended")
	return nil
}

// drain ends the protocols. With hurry it takes no new sessions from now on.
func (s *Server) drain(hurry bool) {
	s.draining.Store(true)
	s.metrics.draining.Set(1)
	d := s.files.Load().config.Drain
	accept, timeout := d.AcceptFor.Or(defaultAcceptFor), d.Timeout.Or(defaultDrainTimeout)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s.log.Info("draining", "acceptFor", accept.String(), "timeout", timeout.String())
	if !hurry {
		select {
		case <-time.After(min(accept, timeout)):
		case <-ctx.Done():
		}
	}
	var g errgroup.Group
	if s.ftp != nil {
		g.Go(func() error { return s.contain("draining FTP", func() error { return s.ftp.engine.Shutdown(ctx) }) })
	}
	if s.sftp != nil {
		g.Go(func() error { return s.contain("draining SFTP", func() error { return s.sftp.engine.Shutdown(ctx) }) })
	}
	// Whatever holds an engine up, the pod ends in its time.
	var cut atomic.Bool
	deadline, _ := ctx.Deadline()
	ended := within(time.Until(deadline)+time.Second, func() { cut.Store(g.Wait() != nil) })
	if cut.Load() || !ended {
		s.log.Warn("the drain took too long; what still ran was cut", "timeout", timeout.String())
	}
}

// within reports whether f came to its end in that time. It goes on if it did not.
func within(limit time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// contain runs f, and makes a panic an error of it.
func (s *Server) contain(doing string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic", "doing", doing, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%s: panic: %v", doing, p)
		}
	}()
	return f()
}

// listener is an open port and what serves it.
type listener struct {
	net.Listener
	name  string
	serve func(net.Listener) error
}

func (s *Server) listen() ([]listener, error) {
	c := s.files.Load().config
	var all []listener
	open := func(name string, port int, serve func(net.Listener) error) error {
		l, err := s.opts.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			closeAll(all)
			return fmt.Errorf("listening for %s (protocols.%s.port): %w", name, name, err)
		}
		l = proxyListener(func() []netip.Prefix { return s.files.Load().config.ProxyProtocolFrom }, s.opts.headerWait, l)
		all = append(all, listener{l, name, serve})
		return nil
	}
	if f := c.Protocols.FTP; f != nil {
		opts := ftp.ListenerOptions{Name: config.ProtocolFTP, TLS: ftpTLSPolicies[f.TLS], DataPort: uint16(f.DataPort)}
		if err := open(config.ProtocolFTP, f.Port, func(l net.Listener) error { return s.ftp.engine.Serve(l, opts) }); err != nil {
			return nil, err
		}
	}
	if f := c.Protocols.FTPS; f != nil {
		opts := ftp.ListenerOptions{Name: config.ProtocolFTPS, Implicit: true, DataPort: uint16(f.DataPort)}
		if err := open(config.ProtocolFTPS, f.Port, func(l net.Listener) error { return s.ftp.engine.Serve(l, opts) }); err != nil {
			return nil, err
		}
	}
	if f := c.Protocols.SFTP; f != nil {
		opts := sftp.ListenerOptions{Name: config.ProtocolSFTP}
		if err := open(config.ProtocolSFTP, f.Port, func(l net.Listener) error { return s.sftp.engine.Serve(l, opts) }); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func closeAll(ls []listener) {
	for _, l := range ls {
		l.Close()
	}
}

// isClosed reports whether a protocol ended because it was told to.
func isClosed(err error) bool {
	return errors.Is(err, ftp.ErrServerClosed) || errors.Is(err, sftp.ErrServerClosed) ||
		errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed)
}
