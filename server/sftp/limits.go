package sftp

import (
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// Limits bound what clients can use. A zero field means its default; a
// negative one means no limit. How many connections there may be is up to
// Hooks.Connect and to the backend, who can refuse them.
type Limits struct {
	// LoginTimeout is how long a client may take from connecting to being
	// logged in. Default: 60 s.
	LoginTimeout time.Duration
	// IdleTimeout is how long a session may be without a request. What waits
	// for the client, as scp does for its next file, is idle. Keepalives of
	// clients do not count unless CountKeepAlives is set. Default: 15 min.
	IdleTimeout     time.Duration
	CountKeepAlives bool
	// StallTimeout ends a session that has not read any of a reply, or not
	// gone on with what it was sending by scp or with a request that it has
	// begun, for this long. Default: 2 min.
	StallTimeout time.Duration

	// MaxLoginAttempts is how many failed attempts to log in end a connection.
	// Each key that is refused counts, as with OpenSSH. Default: 6.
	MaxLoginAttempts int
	// MaxChannels bounds the channels of a connection, each with a transfer
	// or SFTP session of its own. Default: 10.
	MaxChannels int
	// MaxHandles bounds the files and directories that a connection has open.
	// A directory counts as 16 files: what is read of it takes as much memory.
	// Default: 1024.
	MaxHandles int
	// MaxFiles bounds the files and directories that all connections have
	// open, and MaxUserFiles those of one user. Default: a half and a quarter
	// of the descriptors that the process may have (RLIMIT_NOFILE), so that
	// some are left for connections and for whatever else the process does.
	MaxFiles     int
	MaxUserFiles int

	// DownloadRate and UploadRate bound each connection, in bytes per second.
	// Default: no limit.
	DownloadRate int64
	UploadRate   int64
}

// withDefaults returns l with every zero field replaced by its default and
// every negative one by zero, which means no limit from here on.
func (l Limits) withDefaults() Limits {
	conns.Default(&l.LoginTimeout, time.Minute)
	conns.Default(&l.IdleTimeout, 15*time.Minute)
	conns.Default(&l.StallTimeout, 2*time.Minute)
	conns.Default(&l.MaxLoginAttempts, 6)
	conns.Default(&l.MaxChannels, 10)
	conns.Default(&l.MaxHandles, 1024)
	conns.Default(&l.MaxFiles, maxDescriptors()/2)
	conns.Default(&l.MaxUserFiles, maxDescriptors()/4)
	conns.Default(&l.DownloadRate, 0)
	conns.Default(&l.UploadRate, 0)
	return l
}

// SetLimits replaces the limits. New ones hold for sessions that exist too:
// timeouts at once, rates from their next request on, numbers for new ones.
func (s *Server) SetLimits(l Limits) { s.limits.Set(l) }

// limits returns the limits in force, changed by the session if it wants to.
func (c *Conn) limits() *Limits { return c.own.Of(c.server.limits) }
