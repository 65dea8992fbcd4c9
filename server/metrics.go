package server

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// metrics are what Prometheus sees. No label holds a user or a path: their
// number is not bounded.
type metrics struct {
	sessions        *prometheus.GaugeVec
	sessionsTotal   *prometheus.CounterVec
	logins          *prometheus.CounterVec
	transfers       *prometheus.GaugeVec
	transfersTotal  *prometheus.CounterVec
	transferBytes   *prometheus.CounterVec
	transferSeconds *prometheus.HistogramVec
	auditEvents     *prometheus.CounterVec
	auditLost       prometheus.Counter
	reloads         *prometheus.CounterVec
	certExpiry      prometheus.Gauge
	draining        prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	const ns = "fileserver"
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: ns, Name: name, Help: help}, labels)
		reg.MustRegister(v)
		return v
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Name: name, Help: help}, labels)
		reg.MustRegister(v)
		return v
	}
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: ns, Name: "transfer_duration_seconds", Help: "How long transfers of files took.",
		Buckets: prometheus.ExponentialBuckets(0.01, 4, 10), // 10 ms to 44 min
	}, []string{"protocol", "direction"})
	reg.MustRegister(seconds)
	return &metrics{
		sessions:        gauge("sessions", "Sessions that are connected.", "protocol"),
		sessionsTotal:   counter("sessions_total", "Sessions that sent at least one command; probes do not count.", "protocol"),
		logins:          counter("logins_total", "Attempts to log in.", "protocol", "method", "result"),
		transfers:       gauge("transfers", "Transfers of files that run.", "protocol", "direction"),
		transfersTotal:  counter("transfers_total", "Transfers of files that ended.", "protocol", "direction", "result"),
		transferBytes:   counter("transfer_bytes_total", "Bytes of files transferred.", "protocol", "direction"),
		transferSeconds: seconds,
		auditEvents:     counter("audit_events_total", "What clients did, or were refused, as the audit trail has it; also what has no line of its own.", "protocol", "event", "result"),
		auditLost:       counter("audit_lines_lost_total", "Lines of the audit trail that could not be written.").WithLabelValues(),
		reloads:         counter("config_reloads_total", "Times that changed files were read.", "result"),
		certExpiry:      gauge("tls_certificate_expiry_timestamp_seconds", "When the TLS certificate in force expires, as Unix time.").WithLabelValues(),
		draining:        gauge("draining", "1 after the server was told to end.").WithLabelValues(),
	}
}

// registerPassive publishes a snapshot of the pool at each scrape.
func registerPassive(reg prometheus.Registerer, stats func() passive.Stats) {
	for _, m := range []struct {
		name, help string
		counter    bool
		value      func(passive.Stats) float64
	}{
		{"passive_ports", "Passive ports of this pod.", false, func(s passive.Stats) float64 { return float64(s.Ports) }},
		{"passive_ports_open", "Passive ports that are listened on.", false, func(s passive.Stats) float64 { return float64(s.Open) }},
		{"passive_awaited", "Data connections that are awaited.", false, func(s passive.Stats) float64 { return float64(s.Awaited) }},
		{"passive_queued", "Clients that wait for a passive port.", false, func(s passive.Stats) float64 { return float64(s.Queued) }},
		{"passive_granted_total", "Passive ports given to clients.", true, func(s passive.Stats) float64 { return float64(s.Granted) }},
		{"passive_strays_total", "Connections to passive ports that nobody awaited.", true, func(s passive.Stats) float64 { return float64(s.Strays) }},
		{"passive_expired_total", "Data connections that never came.", true, func(s passive.Stats) float64 { return float64(s.Expired) }},
		{"passive_exhausted_total", "Clients refused because no passive port became free.", true, func(s passive.Stats) float64 { return float64(s.Exhausted) }},
	} {
		value := func() float64 { return m.value(stats()) }
		if m.counter {
			reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "fileserver", Name: m.name, Help: m.help}, value))
		} else {
			reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "fileserver", Name: m.name, Help: m.help}, value))
		}
	}
}

// registerRuntime publishes what Go and the kernel tell about the process.
func registerRuntime(reg prometheus.Registerer) {
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
}
