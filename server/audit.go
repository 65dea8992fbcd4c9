package server

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// audit writes one line for each session, login, transfer and change of a file,
// and counts the first three. Nothing in it ever holds a password or a key, and
// nothing of a client more than maxLogged bytes.
type audit struct {
	log     *slog.Logger
	metrics *metrics
	before  *budget // for clients that are not logged in
}

// newAudit returns one that writes to log.
func newAudit(log *slog.Logger, m *metrics, before *budget) *audit {
	return &audit{log: slog.New(&tame{to: log.Handler()}), metrics: m, before: before}
}

// sessionEvent is a session that ended.
type sessionEvent struct {
	protocol string
	id       uint64
	user     string // "" if nobody logged in
	remote   netip.AddrPort
	duration time.Duration
	commands int // zero is a probe
	download int64
	upload   int64
	tls      string // version, or "" without TLS
	cipher   string
	client   string // what it calls itself
	reason   string
}

// loginEvent is an attempt to log in.
type loginEvent struct {
	protocol string
	id       uint64
	user     string
	method   string
	key      string // its fingerprint, or ""
	remote   netip.AddrPort
	again    bool // the connection has logged in before
	err      error
}

// transferEvent is the transfer of a file.
type transferEvent struct {
	protocol  string
	id        uint64
	user      string
	remote    netip.AddrPort
	verb      string
	path      string
	direction string // "download" or "upload"
	offset    int64
	bytes     int64
	duration  time.Duration
	tls       string
	err       error
}

func (a *audit) connected(protocol string) { a.metrics.sessions.WithLabelValues(protocol).Inc() }

func (a *audit) disconnected(e sessionEvent) {
	a.metrics.sessions.WithLabelValues(e.protocol).Dec()
	level := slog.LevelInfo
	if e.commands == 0 {
		level = slog.LevelDebug // a probe: a balancer's health check connects and leaves
	} else {
		a.metrics.sessionsTotal.WithLabelValues(e.protocol).Inc()
	}
	if e.user == "" && level >= slog.LevelInfo && !a.before.take(e.remote.Addr()) {
		return
	}
	a.session(level, e)
}

// loggedOut tells of a user who has logged out of a connection that goes on.
func (a *audit) loggedOut(e sessionEvent) {
	if a.before.take(e.remote.Addr()) {
		a.session(slog.LevelInfo, e)
	}
}

func (a *audit) session(level slog.Level, e sessionEvent) {
	a.log.Log(context.Background(), level, "session",
		"protocol", e.protocol, "session", e.id, "user", e.user, "remote", e.remote.String(),
		"duration", e.duration.Round(time.Millisecond).String(), "commands", e.commands,
		"downloaded", e.download, "uploaded", e.upload,
		"tls", e.tls, "cipher", e.cipher, "client", e.client, "reason", e.reason)
}

func (a *audit) login(e loginEvent) {
	attrs := []any{
		"protocol", e.protocol, "session", e.id, "user", e.user, "method", e.method, "remote", e.remote.String(),
	}
	if e.key != "" {
		attrs = append(attrs, "key", e.key)
	}
	if e.err != nil {
		a.metrics.logins.WithLabelValues(e.protocol, e.method, "failure").Inc()
		if !a.before.take(e.remote.Addr()) {
			return
		}
		a.log.Warn("login failed", append(attrs, "error", e.err.Error())...)
		return
	}
	a.metrics.logins.WithLabelValues(e.protocol, e.method, "success").Inc()
	if e.again && !a.before.take(e.remote.Addr()) {
		return
	}
	a.log.Info("login", attrs...)
}

func (a *audit) transferStarted(protocol, direction string) {
	a.metrics.transfers.WithLabelValues(protocol, direction).Inc()
}

func (a *audit) transferEnded(e transferEvent) {
	a.metrics.transfers.WithLabelValues(e.protocol, e.direction).Dec()
	a.metrics.transferBytes.WithLabelValues(e.protocol, e.direction).Add(float64(e.bytes))
	a.metrics.transferSeconds.WithLabelValues(e.protocol, e.direction).Observe(e.duration.Seconds())
	attrs := []any{
		"protocol", e.protocol, "session", e.id, "user", e.user, "remote", e.remote.String(),
		"verb", e.verb, "path", e.path, "direction", e.direction, "offset", e.offset, "bytes", e.bytes,
		"duration", e.duration.Round(time.Millisecond).String(), "tls", e.tls,
	}
	if e.err != nil {
		a.metrics.transfersTotal.WithLabelValues(e.protocol, e.direction, "failure").Inc()
		a.log.Warn("transfer failed", append(attrs, "error", e.err.Error())...)
		return
	}
	a.metrics.transfersTotal.WithLabelValues(e.protocol, e.direction, "success").Inc()
	a.log.Info("transfer", attrs...)
}

// file tells of what a session has done to a file, so many times.
func (a *audit) file(t *trail, e fileEvent, times int, refused bool) {
	attrs := []any{
		"protocol", t.protocol, "session", t.id, "user", t.user, "remote", t.remote.String(), "op", e.op, "path", e.path,
	}
	if e.to != "" {
		attrs = append(attrs, "to", e.to)
	}
	if times > 1 {
		attrs = append(attrs, "times", times)
	}
	switch {
	case e.err == "":
		a.log.Info("file", attrs...)
	case refused:
		a.log.Warn("file refused", append(attrs, "error", e.err)...)
	default:
		a.log.Info("file failed", append(attrs, "error", e.err)...)
	}
}
