package server

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/events"
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
	// AdminAddress is where administrators are served; empty: nowhere. See
	// [config.PathSessions].
	AdminAddress string
	// Memory is how many bytes the process may use; default: not known. See
	// users.NewDirectory for what follows from it.
	Memory int64
	// Logger gets all that is logged; default slog.Default.
	Logger *slog.Logger
	// Stdout gets the lines of the audit trail, each in one Write; default os.Stdout.
	Stdout io.Writer
	// Listen opens the listeners; default net.Listen. Tests give their own.
	Listen func(network, address string) (net.Listener, error)

	anyPassivePort bool          // for tests: the system chooses passive ports
	maxEvents      int           // for tests: how many may be undelivered
	headerWait     time.Duration // headerWait, unless a test has changed it
}

// Server is a file server.
type Server struct {
	opts     Options
	log      *slog.Logger
	registry *prometheus.Registry
	metrics  *metrics
	trail    *audit.Log
	users    *users.Directory
	ftp      *ftpService
	sftp     *sftpService

	files    atomic.Pointer[files]  // what is read from now on
	inForce  atomic.Pointer[files]  // all that follows from it has been done
	refused  atomic.Pointer[string] // why the newest files are not in force
	volume   *volume
	homes    *homes
	bucket   *bucketState   // nil if the files are on a volume
	outbox   *events.Outbox // nil if no events are told
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
	if opts.Stdout == nil {
		opts.Stdout = os.Stdout
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
	if c := f.config.Storage.Bucket; c != nil {
		if s.bucket, err = openBucket(c, opts.Memory, reg, s.log); err != nil {
			return nil, err
		}
	}
	if c := f.config.Events; c != nil {
		s.outbox = openOutbox(c, opts, f.config.Storage.Root, s.bucket, reg)
	}
	s.homes = &homes{log: s.log}
	before := newBudget(s.log)
	s.trail = s.newTrail(before)
	clients := slog.New(&tame{to: s.log.Handler(), budget: before}) // what the protocols tell of them
	registerRuntime(reg)
	s.use(f)
	s.registerState(reg)
	if f.config.Protocols.FTP != nil || f.config.Protocols.FTPS != nil {
		backend := &ftpBackend{users: s.users, trees: s.trees(), visits: &visits[*ftp.Conn]{users: s.users, begin: func(c *ftp.Conn) *audit.Session {
			return s.trail.Session(c.Listener().Name, c.ID(), c.RemoteAddr())
		}}}
		s.ftp = newFTPService(f, opts, s.files.Load, backend, s.metrics, clients)
		registerPassive(reg, s.ftp.pool.Stats)
	}
	if f.config.Protocols.SFTP != nil {
		backend := &sftpBackend{users: s.users, trees: s.trees(), visits: &visits[*sftp.Conn]{users: s.users, begin: func(c *sftp.Conn) *audit.Session {
			return s.trail.Session(c.Listener().Name, c.ID(), c.RemoteAddr())
		}}}
		s.sftp = newSFTPService(f, s.files.Load, backend, s.metrics, clients)
	}
	return s, nil
}

func (s *Server) storage() config.Storage { return s.files.Load().config.Storage }

func (s *Server) trees() trees {
	t := trees{storage: s.storage, log: s.log, outbox: s.outbox}
	if s.bucket != nil {
		t.bucket = s.bucket.Bucket
	}
	return t
}

// use puts files in force.
func (s *Server) use(f *files) {
	s.files.Store(f)
	s.users.SetAuthorities(marshaled(f.userCAs))
	f.leftOut = append(f.leftOut, s.users.Set(f.shards(), f.config.Sessions)...)
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
	s.trail.Use(f.config.Audit)
	if s.outbox != nil {
		s.outbox.Use(*f.config.Events)
	}
	if s.bucket == nil {
		s.homes.look(f.config.Storage.Root, f.shards())
	}
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
			s.log.Info("configuration reloaded", "config", f.configHash, "users", f.usersHashes(), "userCount", s.users.Len())
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
		Config: f.configHash, Users: f.usersHashes(), TLS: f.certHash, HostKeys: f.fingerprints(), Draining: s.draining.Load(),
		LeftOut: f.leftOut[:min(len(f.leftOut), config.MaxLeftOut)], LeftOutCount: len(f.leftOut),
		Cold: f.cold, Listeners: f.listeners(),
	}
	if reason := s.refused.Load(); reason != nil {
		l.Error = *reason
	}
	if s.bucket != nil {
		l.Bucket, l.Looking = s.bucket.told()
	} else {
		l.Denied, l.Looking = s.homes.told()
	}
	if s.outbox != nil {
		state := s.outbox.State()
		l.Events = &state
	}
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
	if s.bucket != nil {
		return nil // it is the same for all pods
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
