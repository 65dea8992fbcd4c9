package server

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// audit writes one line for each session and each transfer, and counts them.
// Nothing in it ever holds a password or a key.
type audit struct {
	log     *slog.Logger
	metrics *metrics
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
	a.log.Log(context.Background(), level, "session",
		"protocol", e.protocol, "session", e.id, "user", e.user, "remote", e.remote.String(),
		"duration", e.duration.Round(time.Millisecond).String(), "commands", e.commands,
		"downloaded", e.download, "uploaded", e.upload,
		"tls", e.tls, "cipher", e.cipher, "reason", e.reason)
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
		a.log.Warn("login failed", append(attrs, "error", e.err.Error())...)
		return
	}
	a.metrics.logins.WithLabelValues(e.protocol, e.method, "success").Inc()
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
