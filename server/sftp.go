package server

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/sftp"
	"github.com/fileserver-dev/fileserver-operator/server/users"
)

// sftpService is the SFTP server with what it takes from the configuration.
type sftpService struct {
	engine  *sftp.Server
	current func() *files
}

func newSFTPService(f *files, current func() *files, backend *sftpBackend, a *audit, log *slog.Logger) *sftpService {
	s := &sftpService{current: current}
	s.engine = sftp.New(sftp.Options{
		Backend: backend,
		Config:  s.connConfig,
		Limits:  sftpLimits(f.config.Sessions),
		Hooks:   sftpHooks(a, backend.visits),
		Logger:  log,
	})
	return s
}

func (s *sftpService) reload(c *config.Config) { s.engine.SetLimits(sftpLimits(c.Sessions)) }

// count returns how many sessions there are, and how many of them transfer.
func (s *sftpService) count() (sessions, transfers int) {
	for _, i := range s.engine.Sessions() {
		sessions++
		if i.Transfers > 0 {
			transfers++
		}
	}
	return sessions, transfers
}

func (s *sftpService) connConfig(*sftp.Conn) (*sftp.ConnConfig, error) {
	f := s.current()
	c := f.config.SSH
	if c == nil {
		return nil, fmt.Errorf("the configuration has no SSH any more")
	}
	conf := &sftp.ConnConfig{
		HostKeys:       f.hostKeys,
		Banner:         c.Banner,
		Algorithms:     f.algorithms,
		TrustedUserCAs: f.userCAs,
	}
	return conf, nil
}

func sftpLimits(s config.Sessions) sftp.Limits {
	return sftp.Limits{
		LoginTimeout:    s.LoginGrace.Or(defaultLoginGrace),
		IdleTimeout:     s.IdleTimeout.Or(defaultIdleTimeout),
		StallTimeout:    time.Duration(s.StallTimeout),
		CountKeepAlives: s.CountKeepAlives,
		DownloadRate:    s.Bandwidth.Download,
		UploadRate:      s.Bandwidth.Upload,
	}
}

// sftpHooks feed the audit log and the metrics, count sessions and, for the
// bans, connections that had no right key: a wrong password counts where it is
// checked. A refusal for another reason, such as a limit or a ban, is no failure.
func sftpHooks(a *audit, v *visits[*sftp.Conn]) sftp.Hooks {
	name := func(c *sftp.Conn) string { return c.Listener().Name }
	return sftp.Hooks{
		Connect: func(c *sftp.Conn) error {
			if err := v.admit(c, c.RemoteAddr().Addr(), c.Abort); err != nil {
				return &sftp.Error{Text: tooMany(err)}
			}
			a.connected(name(c))
			return nil
		},
		Login: func(c *sftp.Conn, r sftp.LoginRecord) {
			if r.Unverified && !errors.Is(r.Err, sftp.ErrRefused) {
				v.users.Failed(users.Attempt{User: r.User, Protocol: name(c), Remote: c.RemoteAddr().Addr()})
			}
			a.login(loginEvent{
				protocol: name(c), id: c.ID(), user: r.User, method: r.Method, key: r.Key, remote: c.RemoteAddr(), err: r.Err,
			})
		},
		TransferStart: func(c *sftp.Conn, r sftp.TransferRecord) {
			a.transferStarted(name(c), r.Direction.String())
		},
		TransferEnd: func(c *sftp.Conn, r sftp.TransferRecord) {
			a.transferEnded(transferEvent{
				protocol: name(c), id: c.ID(), user: c.User(), remote: c.RemoteAddr(),
				verb: r.Verb, path: r.Path, direction: r.Direction.String(), offset: r.Offset, bytes: r.Bytes,
				duration: r.Duration, err: r.Err,
			})
		},
		Work: func(c *sftp.Conn, r sftp.WorkRecord) {
			t := &trail{audit: a, protocol: name(c), id: c.ID(), user: c.User(), remote: c.RemoteAddr()}
			t.tell(r.Verb, r.Path, "", r.Err)
		},
		Disconnect: func(c *sftp.Conn, r sftp.SessionRecord) {
			v.leave(c)
			commands := r.Commands
			if !r.Probe {
				commands = max(commands, 1)
			}
			a.disconnected(sessionEvent{
				protocol: name(c), id: c.ID(), user: r.User, remote: c.RemoteAddr(), duration: r.Duration,
				commands: commands, download: r.Downloaded, upload: r.Uploaded, cipher: r.Cipher, client: r.Client, reason: r.Reason,
			})
		},
	}
}
