package sftp

import "time"

// Limits bound what clients can use. A zero field means its default; a
// negative one means no limit.
type Limits struct {
	// MaxSessions bounds the connections of the server, and
	// MaxSessionsPerAddress those from one client address. A connection
	// beyond is told so and closed. Default: no limit.
	MaxSessions           int
	MaxSessionsPerAddress int

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
	set(&l.MaxSessions, 0)
	set(&l.MaxSessionsPerAddress, 0)
	set(&l.LoginTimeout, time.Minute)
	set(&l.IdleTimeout, 15*time.Minute)
	set(&l.StallTimeout, 2*time.Minute)
	set(&l.MaxLoginAttempts, 6)
	set(&l.MaxChannels, 10)
	set(&l.MaxHandles, 1024)
	set(&l.MaxFiles, maxDescriptors()/2)
	set(&l.MaxUserFiles, maxDescriptors()/4)
	set(&l.DownloadRate, 0)
	set(&l.UploadRate, 0)
	return l
}

func set[T int | int64 | time.Duration](v *T, byDefault T) {
	switch {
	case *v == 0:
		*v = byDefault
	case *v < 0:
		*v = 0
	}
}

// SetLimits replaces the limits. New ones hold for sessions that exist too:
// timeouts at once, rates from their next request on, numbers for new ones.
func (s *Server) SetLimits(l Limits) {
	if old := s.limits.Swap(newServerLimits(l)); old != nil {
		close(old.replaced)
	}
}

// serverLimits are limits as they were given and as they are applied.
type serverLimits struct {
	given, applied Limits
	replaced       chan struct{} // closed when there are new ones
}

func newServerLimits(l Limits) *serverLimits {
	return &serverLimits{l, l.withDefaults(), make(chan struct{})}
}

func (s *Server) currentLimits() *serverLimits {
	if s.limits.Load() == nil {
		s.limits.CompareAndSwap(nil, newServerLimits(s.Limits))
	}
	return s.limits.Load()
}

// sessionLimits are the limits of a session, and what they were made from.
type sessionLimits struct {
	of      *serverLimits
	applied Limits
}

// limits returns the limits in force, changed by the session if it wants to.
func (c *Conn) limits() *Limits {
	base := c.server.currentLimits()
	session := c.limited.Load()
	if session == nil {
		return &base.applied
	}
	l := c.inForce.Load()
	if l == nil || l.of != base {
		l = &sessionLimits{base, (*session).Limits(base.given).withDefaults()}
		c.inForce.Store(l)
	}
	return &l.applied
}
