package ftp

import (
	"context"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// Limits bound what clients can use. A zero field means its default; a
// negative one means no limit. How many sessions there may be is up to
// Hooks.Connect and to the backend, who can refuse them.
type Limits struct {
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
	conns.Default(&l.LoginTimeout, time.Minute)
	conns.Default(&l.IdleTimeout, 5*time.Minute)
	conns.Default(&l.DataTimeout, 30*time.Second)
	conns.Default(&l.StallTimeout, 2*time.Minute)
	conns.Default(&l.WriteTimeout, 30*time.Second)
	conns.Default(&l.PortWait, 10*time.Second)
	conns.Default(&l.MaxLineLength, 4096)
	conns.Default(&l.MaxLoginAttempts, 5)
	conns.Default(&l.MaxCommandsBeforeLogin, 50)
	conns.Default(&l.DownloadRate, 0)
	conns.Default(&l.UploadRate, 0)
	return l
}

// limits returns the limits in force, changed by the session if it wants to.
func (c *Conn) limits() *Limits { return c.own.Of(c.server.limits) }

// A pace bounds the rate of one job. The zero value does not.
type pace struct {
	rate int64     // bytes per second
	paid time.Time // when what was moved so far is paid for
}

// pace returns that of a transfer in a direction.
func (l *Limits) pace(d Direction) pace {
	if d == Upload {
		return pace{rate: l.UploadRate}
	}
	return pace{rate: l.DownloadRate}
}

// allowance returns how much of n bytes may be moved at once: no more than are worth a
// tenth of a second, so that a slow transfer still moves evenly.
func (p *pace) allowance(n int) int {
	if p.rate <= 0 {
		return n
	}
	return int(min(max(p.rate/10, 512), int64(n)))
}

// pay waits until n bytes that were moved are paid for.
func (j *job) pay(n int) error {
	if j.pace.rate <= 0 || n == 0 {
		return nil
	}
	j.moving.Store(0) // it is up to neither the client nor the disk
	defer j.moved()
	now := time.Now()
	if j.pace.paid.Before(now) {
		j.pace.paid = now
	}
	j.pace.paid = j.pace.paid.Add(time.Duration(float64(n) / float64(j.pace.rate) * float64(time.Second)))
	timer := time.NewTimer(j.pace.paid.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-j.ctx.Done():
		return context.Cause(j.ctx)
	}
}
