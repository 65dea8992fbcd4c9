package server

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/sftp"
	"github.com/fileserver-dev/fileserver-operator/server/users"
)

// newTrail returns the audit trail of the server. Strangers have so many lines as the budget
// leaves them.
func (s *Server) newTrail(strangers *budget) *audit.Log {
	host, _ := os.Hostname()
	run := make([]byte, 4)
	_, _ = rand.Read(run) // never fails
	return audit.New(audit.Options{
		Stdout:    s.opts.Stdout,
		Pod:       cmp.Or(host, "unknown"),
		Run:       hex.EncodeToString(run),
		Strangers: strangers.take,
		Count: func(protocol string, e audit.Event, r audit.Result) {
			s.metrics.auditEvents.WithLabelValues(protocol, string(e), string(r)).Inc()
		},
		Lost: s.metrics.auditLost.Inc,
		Log:  s.log,
	})
}

// refusals are why somebody was not let in, as the audit trail has it.
var refusals = []struct {
	err    error
	reason audit.Reason
}{
	{users.ErrUnknown, audit.UnknownUser},
	{users.ErrPassword, audit.WrongPassword},
	{users.ErrTooLong, audit.WrongPassword},
	{users.ErrNoPassword, audit.WrongPassword},
	{users.ErrKey, audit.WrongKey},
	{users.ErrKeyExpired, audit.KeyRefused},
	{users.ErrKeySource, audit.KeyRefused},
	{users.ErrAuthority, audit.CertificateRefused},
	{users.ErrCertificate, audit.CertificateRefused},
	{users.ErrSuspended, audit.UserSuspended},
	{users.ErrExpired, audit.UserExpired},
	{users.ErrProtocol, audit.ProtocolRefused},
	{users.ErrSource, audit.AddressRefused},
	{users.ErrNeedsAll, audit.SecondProofNeeded},
	{users.ErrBanned, audit.AddressBanned},
	{users.ErrTooMany, audit.TooManySessions},
	{users.ErrFull, audit.TooManySessions},
	{users.ErrAddressFull, audit.TooManySessions},
	{users.ErrEvicted, audit.TooManySessions},
	{users.ErrGone, audit.ClientGone},
}

// attempt is one to log in, as the audit trail has it.
func attempt(user, method string, err error) audit.Attempt {
	a := audit.Attempt{User: user, Method: method}
	if err == nil {
		return a
	}
	a.Refused, a.Message = audit.LoginRefused, err.Error()
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			a.Refused = r.reason
			return a
		}
	}
	if full, ok := errors.AsType[*ftp.Error](err); ok && full.Code == 421 {
		a.Refused = audit.TooManySessions
	}
	if _, ok := errors.AsType[*sftp.Error](err); ok {
		a.Refused = audit.TooManySessions
	}
	return a
}

// login counts an attempt to log in.
func (m *metrics) login(protocol, method string, err error) {
	result := "success"
	if err != nil {
		result = "failure"
	}
	m.logins.WithLabelValues(protocol, method, result).Inc()
}

// connected counts a connection.
func (m *metrics) connected(protocol string) { m.sessions.WithLabelValues(protocol).Inc() }

// disconnected counts the end of a connection. One without a command was a probe: a
// balancer's health check connects and leaves.
func (m *metrics) disconnected(protocol string, commands int) {
	m.sessions.WithLabelValues(protocol).Dec()
	if commands > 0 {
		m.sessionsTotal.WithLabelValues(protocol).Inc()
	}
}

func (m *metrics) transferStarted(protocol, direction string) {
	m.transfers.WithLabelValues(protocol, direction).Inc()
}

func (m *metrics) transferEnded(protocol, direction string, t audit.Transfer) {
	m.transfers.WithLabelValues(protocol, direction).Dec()
	m.transferBytes.WithLabelValues(protocol, direction).Add(float64(t.Bytes))
	m.transferSeconds.WithLabelValues(protocol, direction).Observe(t.Duration.Seconds())
	result := "success"
	if t.Err != nil {
		result = "failure"
	}
	m.transfersTotal.WithLabelValues(protocol, direction, result).Inc()
}
