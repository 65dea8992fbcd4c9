package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/sftp"
	"github.com/fileserver-dev/fileserver-operator/server/users"
)

// sftpService is the SFTP server with what it takes from the configuration.
type sftpService struct {
	engine  *sftp.Server
	current func() *files
}

func newSFTPService(f *files, current func() *files, backend *sftpBackend, m *metrics, log *slog.Logger) *sftpService {
	s := &sftpService{current: current}
	s.engine = sftp.New(sftp.Options{
		Backend: backend,
		Config:  s.connConfig,
		Limits:  sftpLimits(f.config.Sessions),
		Hooks:   sftpHooks(m, backend.visits),
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

// sftpHooks feed the audit trail and the metrics, count sessions and, for the
// bans, connections that had no right key: a wrong password counts where it is
// checked. A refusal for another reason, such as a limit or a ban, is no failure.
func sftpHooks(m *metrics, v *visits[*sftp.Conn]) sftp.Hooks {
	name := func(c *sftp.Conn) string { return c.Listener().Name }
	return sftp.Hooks{
		Connect: func(c *sftp.Conn) error {
			if err := v.admit(c, c.RemoteAddr().Addr(), c.Abort); err != nil {
				return &sftp.Error{Text: tooMany(err)}
			}
			m.connected(name(c))
			return nil
		},
		Login: func(c *sftp.Conn, r sftp.LoginRecord) {
			if r.Unverified && !errors.Is(r.Err, sftp.ErrRefused) {
				v.users.Failed(users.Attempt{User: r.User, Protocol: name(c), Remote: c.RemoteAddr().Addr()})
			}
			m.login(name(c), r.Method, r.Err)
			a := attempt(r.User, r.Method, r.Err)
			a.Key = r.Key
			v.of(c).trail.Login(a)
		},
		TransferStart: func(c *sftp.Conn, r sftp.TransferRecord) { m.transferStarted(name(c), r.Direction.String()) },
		TransferEnd: func(c *sftp.Conn, r sftp.TransferRecord) {
			t := audit.Transfer{
				User: c.User(), Event: audit.Event(r.Direction.String()), Via: r.Via, Verb: r.Verb, Path: r.Path, Offset: r.Offset,
				Bytes: r.Bytes, Duration: r.Duration, Err: r.Err, Cut: sftpCut(r.Err),
			}
			m.transferEnded(name(c), r.Direction.String(), t)
			v.transferred(c, t)
		},
		Work: func(c *sftp.Conn, r sftp.WorkRecord) {
			event := audit.Checksum
			if r.Verb == "copy-data" {
				event = audit.Copy
			}
			v.of(c).trail.Work(event, c.User(), r.Verb, r.Path, r.Err)
		},
		Disconnect: func(c *sftp.Conn, r sftp.SessionRecord) {
			commands := r.Commands
			if !r.Probe {
				commands = max(commands, 1)
			}
			v.of(c).trail.End(audit.Summary{
				User: r.User, Duration: r.Duration, Commands: commands, Downloaded: r.Downloaded, Uploaded: r.Uploaded,
				Cipher: r.Cipher, Client: r.Client, Reason: r.Reason,
			})
			v.leave(c)
			m.disconnected(name(c), commands)
		},
	}
}

// sftpCut reports whether a transfer has ended because the client was gone before.
func sftpCut(err error) bool {
	return errors.Is(err, sftp.ErrAborted) || errors.Is(err, context.Canceled) || errors.Is(err, io.EOF)
}
