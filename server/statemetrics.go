package server

import "github.com/prometheus/client_golang/prometheus"

// registerState publishes what the server is at each scrape, rather than what it does.
func (s *Server) registerState(reg prometheus.Registerer) {
	for _, m := range []struct {
		name, help string
		value      func() int
	}{
		{"sessions_logged_in", "Sessions that are logged in.", func() int { n, _ := s.users.Room(); return n }},
		{"sessions_limit", "Sessions that may be logged in at once; 0 without a limit.", func() int { _, limit := s.users.Room(); return limit }},
		{"users", "Users whom the server knows.", s.users.Len},
		{"bans", "Networks whose logins are refused for now.", func() int { return len(s.users.Bans()) }},
		{"config_refused", "1 while the newest configuration is refused, and an older one in force.", func() int {
			if s.refused.Load() != nil {
				return 1
			}
			return 0
		}},
		{"config_entries_left_out", "Entries of the configuration that cannot be used, and are left out.", func() int { return len(s.inForce.Load().leftOut) }},
	} {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "fileserver", Name: m.name, Help: m.help},
			func() float64 { return float64(m.value()) }))
	}
	if s.bucket == nil {
		reg.MustRegister(volumeCollector{s.volume})
	}
}

var (
	volumeAvailable = prometheus.NewDesc("fileserver_volume_available", "1 if the volume with the files answers.", nil, nil)
	volumeSize      = prometheus.NewDesc("fileserver_volume_size_bytes", "Size of the volume with the files.", nil, nil)
	volumeFree      = prometheus.NewDesc("fileserver_volume_free_bytes", "Bytes of the volume that the server may still use.", nil, nil)
)

// volumeCollector tells how full the volume is. Of one that does not answer it tells
// that, after [volumeWait].
type volumeCollector struct{ *volume }

// Describe implements prometheus.Collector.
func (volumeCollector) Describe(to chan<- *prometheus.Desc) {
	to <- volumeAvailable
	to <- volumeSize
	to <- volumeFree
}

// Collect implements prometheus.Collector.
func (v volumeCollector) Collect(to chan<- prometheus.Metric) {
	space, err := v.look()
	if err != nil {
		to <- prometheus.MustNewConstMetric(volumeAvailable, prometheus.GaugeValue, 0)
		return
	}
	to <- prometheus.MustNewConstMetric(volumeAvailable, prometheus.GaugeValue, 1)
	if space.size > 0 {
		to <- prometheus.MustNewConstMetric(volumeSize, prometheus.GaugeValue, space.size)
		to <- prometheus.MustNewConstMetric(volumeFree, prometheus.GaugeValue, space.free)
	}
}
