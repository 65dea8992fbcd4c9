package ftp

import "time"

// Limits bound what clients can use. A zero field means its default; a
// negative one means no limit.
type Limits struct {
	// MaxSessions bounds the control connections of the server, and
	// MaxSessionsPerAddress those from one client address. A connection
	// beyond is answered 421 and closed. Default: no limit.
	MaxSessions           int
	MaxSessionsPerAddress int
	// MaxSessionsPerUser bounds the sessions logged in as one user; a login
	// beyond is answered 421 and the connection closed. Default: no limit.
	MaxSessionsPerUser int

	// LoginTimeout is how long a client may take from connecting to being
	// logged in. Default: 60 s.
	LoginTimeout time.Duration
	// IdleTimeout is how long a session may be without a command and without
	// a transfer. Default: 5 min.
	IdleTimeout time.Duration
	// DataTimeout is how long a data connection is awaited, or may take to
	// be made, and how long its TLS handshake may take. Default: 30 s.
	DataTimeout time.Duration
	// StallTimeout ends a transfer on which no byte has moved for this long.
	// Default: 2 min.
	StallTimeout time.Duration
	// WriteTimeout is how long a client may take to read a reply, and the
	// control connection's TLS handshake may take. Default: 30 s.
	WriteTimeout time.Duration
	// PortWait is how long PASV and EPSV wait for a port when all are in use,
	// before they are answered 425. Default: 10 s.
	PortWait time.Duration

	// MaxLineLength is the longest command line in bytes. A longer one is
	// answered 500, and repeated ends the session. Default: 4096.
	MaxLineLength int
	// MaxLoginAttempts is how many failed logins end a connection. Default: 5.
	MaxLoginAttempts int
	// MaxCommandsBeforeLogin is how many commands a client may send without
	// having logged in. Default: 50.
	MaxCommandsBeforeLogin int

	// DownloadRate and UploadRate bound each session, in bytes per second.
	// Default: no limit.
	DownloadRate int64
	UploadRate   int64
}

// withDefaults returns l with every zero field replaced by its default and
// every negative one by zero, which means no limit from here on.
func (l Limits) withDefaults() Limits {
	set(&l.MaxSessions, 0)
	set(&l.MaxSessionsPerAddress, 0)
	set(&l.MaxSessionsPerUser, 0)
	set(&l.LoginTimeout, time.Minute)
	set(&l.IdleTimeout, 5*time.Minute)
	set(&l.DataTimeout, 30*time.Second)
	set(&l.StallTimeout, 2*time.Minute)
	set(&l.WriteTimeout, 30*time.Second)
	set(&l.PortWait, 10*time.Second)
	set(&l.MaxLineLength, 4096)
	set(&l.MaxLoginAttempts, 5)
	set(&l.MaxCommandsBeforeLogin, 50)
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
// timeouts from their next command or transfer on, numbers for new sessions.
func (s *Server) SetLimits(l Limits) { s.limits.Store(newServerLimits(l)) }

// serverLimits are limits as they were given and as they are applied.
type serverLimits struct{ given, applied Limits }

func newServerLimits(l Limits) *serverLimits { return &serverLimits{l, l.withDefaults()} }

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
	c.mu.Lock()
	session := c.limited
	c.mu.Unlock()
	if session == nil {
		return &base.applied
	}
	l := c.inForce.Load()
	if l == nil || l.of != base {
		l = &sessionLimits{base, session.Limits(base.given).withDefaults()}
		c.inForce.Store(l)
	}
	return &l.applied
}
