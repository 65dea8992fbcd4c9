package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
	"github.com/fileserver-dev/fileserver-operator/server/users"
)

// ftpService is the FTP engine with what it takes from the configuration.
type ftpService struct {
	engine     *ftp.Server
	pool       *passive.Pool
	ports      config.PortRange // this pod's slice
	advertiser *advertiser
	current    func() *files

	log        *slog.Logger
	headerWait time.Duration // of the PROXY protocol
}

func newFTPService(f *files, opts Options, current func() *files, backend *ftpBackend, m *metrics, log *slog.Logger) *ftpService {
	s := &ftpService{advertiser: newAdvertiser(opts.NodeAddress), ports: opts.PassivePorts, current: current, headerWait: opts.headerWait}
	if s.ports == (config.PortRange{}) && !opts.anyPassivePort {
		s.ports = f.config.Passive.Ports
	}
	s.log = log
	s.pool = passive.NewPool(s.passiveOptions(f.config))
	hooks := ftpHooks(m, backend.visits)
	connect := hooks.Connect
	hooks.Connect = func(c *ftp.Conn) error {
		s.advertiser.visit()
		return connect(c)
	}
	s.engine = ftp.New(ftp.Options{
		Backend:   backend,
		TLSConfig: s.tlsConfig,
		Passive:   s.pool,
		Advertise: s.advertise,
		Hooks:     hooks,
		Logger:    log,
		Settings:  ftpSettings(f.config),
	})
	if f.config.Passive != nil {
		s.advertiser.set(f.config.Passive)
	}
	return s
}

// count returns how many sessions there are, and how many of them transfer.
func (s *ftpService) count() (sessions, transfers int) {
	for _, i := range s.engine.Sessions() {
		sessions++
		if i.Transfer != nil {
			transfers++
		}
	}
	return sessions, transfers
}

// reload puts what is hot in force.
func (s *ftpService) reload(c *config.Config) {
	s.engine.Set(ftpSettings(c))
	if c.Passive != nil {
		s.advertiser.set(c.Passive)
		s.pool.Update(s.passiveOptions(c))
	}
}

// ftpSettings is what a running engine is told of the configuration.
func ftpSettings(c *config.Config) ftp.Settings {
	s := ftp.Settings{
		Greeting:    cmp.Or(c.FTPBanner, "Ready"),
		Limits:      ftpLimits(c.Sessions),
		BinaryASCII: c.ASCII == config.ASCIIKeep,
		NoActive:    c.ActiveMode == config.ActiveRefused,
	}
	if c.Protocols.FTP != nil {
		s.TLS = ftpTLSPolicies[c.Protocols.FTP.TLS]
	}
	if c.TLS != nil {
		s.MinTLSVersion, s.ClientCertificate = tlsVersions[c.TLS.MinVersion], c.TLS.ClientAuth == config.ClientAuthRequired
	}
	if c.Passive != nil {
		s.PeerCheck = ftpPeerChecks[c.Passive.PeerCheck]
	}
	return s
}

// advertise returns the address for PASV, as soon as ports may be advertised.
func (s *ftpService) advertise(ctx context.Context, c *ftp.Conn, extended bool) (netip.Addr, error) {
	if err := s.advertiser.wait(ctx); err != nil || extended {
		return netip.Addr{}, err
	}
	return s.advertiser.address(ctx, c.RemoteAddr().Addr(), c.LocalAddr().Addr())
}

func (s *ftpService) passiveOptions(c *config.Config) passive.Options {
	advertised := make(map[uint16]uint16, len(c.Passive.AdvertisedPorts))
	for listen, port := range c.Passive.AdvertisedPorts {
		advertised[uint16(listen)] = uint16(port)
	}
	opts := passive.Options{
		First:      uint16(s.ports.First),
		Last:       uint16(s.ports.Last),
		Advertised: advertised,
		Logger:     s.log,
	}
	if len(c.ProxyProtocolFrom) > 0 {
		opts.WrapListener = proxyDataListener(c.ProxyProtocolFrom, s.headerWait)
	}
	return opts
}

var ftpPeerChecks = map[config.PeerCheck]ftp.PeerCheck{
	"":                    ftp.PeerAddress,
	config.PeerAddress:    ftp.PeerAddress,
	config.PeerTLSSession: ftp.PeerTLSSession,
	config.PeerAny:        ftp.PeerAny,
}

// ftpLimits leaves numbers of sessions to package users, which counts them
// over all protocols.
func ftpLimits(s config.Sessions) ftp.Limits {
	return ftp.Limits{
		LoginTimeout: s.LoginGrace.Or(defaultLoginGrace),
		IdleTimeout:  s.IdleTimeout.Or(defaultIdleTimeout),
		StallTimeout: time.Duration(s.StallTimeout),
		DownloadRate: s.Bandwidth.Download,
		UploadRate:   s.Bandwidth.Upload,
	}
}

// ftpHooks feed the audit trail and the metrics, and count sessions.
func ftpHooks(m *metrics, v *visits[*ftp.Conn]) ftp.Hooks {
	listing := func(verb string) bool { return verb == "LIST" || verb == "NLST" || verb == "MLSD" }
	name := func(c *ftp.Conn) string { return c.Listener().Name }
	return ftp.Hooks{
		Connect: func(c *ftp.Conn) error {
			if err := v.admit(c, c.RemoteAddr().Addr(), c.Abort); err != nil {
				return &ftp.Error{Code: 421, Text: tooMany(err)}
			}
			m.connected(name(c))
			return nil
		},
		Login: func(c *ftp.Conn, r ftp.LoginRecord) {
			m.login(name(c), "password", r.Err)
			a := attempt(r.User, "password", r.Err)
			a.Again = r.Again
			v.of(c).trail.Login(a)
		},
		TransferStart: func(c *ftp.Conn, r ftp.TransferRecord) {
			if !listing(r.Verb) {
				m.transferStarted(name(c), r.Direction.String())
			}
		},
		TransferEnd: func(c *ftp.Conn, r ftp.TransferRecord) {
			if listing(r.Verb) {
				return
			}
			t := ftpTransfer(c, r)
			m.transferEnded(name(c), r.Direction.String(), t)
			v.transferred(c, t)
		},
		Work: func(c *ftp.Conn, r ftp.TransferRecord) {
			event := audit.Checksum
			switch r.Verb {
			case "DSIZ":
				return // what a listing tells too
			case "COMB":
				event = audit.Combine
			}
			v.of(c).trail.Work(event, c.User(), r.Verb, r.Path, r.Err)
		},
		Logout: func(c *ftp.Conn, r ftp.SessionRecord) { v.of(c).trail.Logout(ftpSummary(r)) },
		Disconnect: func(c *ftp.Conn, r ftp.SessionRecord) {
			v.of(c).trail.End(ftpSummary(r))
			v.leave(c)
			m.disconnected(name(c), r.Commands)
		},
	}
}

func ftpTransfer(c *ftp.Conn, r ftp.TransferRecord) audit.Transfer {
	t := audit.Transfer{
		User: c.User(), Event: audit.Event(r.Direction.String()), Verb: r.Verb, Path: r.Path, Offset: r.Offset, Bytes: r.Bytes,
		Duration: r.Duration, Err: r.Err,
		// There was no data connection, it was cut, or the session was.
		Cut: r.Code == 425 || r.Code == 426 || r.Code == 421,
	}
	t.TLS, _ = r.TLS()
	return t
}

func ftpSummary(r ftp.SessionRecord) audit.Summary {
	s := audit.Summary{
		User: r.User, Duration: r.Duration, Commands: r.Commands, Downloaded: r.Downloaded, Uploaded: r.Uploaded, Reason: r.Reason,
	}
	if r.TLSVersion != 0 {
		s.TLS, s.Cipher = tls.VersionName(r.TLSVersion), tls.CipherSuiteName(r.CipherSuite)
	}
	return s
}

// tooMany is what somebody is told whom users.Directory has no room for.
func tooMany(err error) string {
	switch {
	case errors.Is(err, users.ErrAddressFull):
		return "Too many sessions from your address"
	case errors.Is(err, users.ErrTooMany):
		return "Too many sessions of this user; end one first"
	}
	return "Too many sessions, try again later"
}
