package server

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// newHTTPServer serves probes, metrics, what is loaded and what users do. The server is ready as long
// as there is no error.
//
// Readiness stays true while the server drains: a pod that is terminating and
// ready still receives its own passive data connections, and no new sessions.
func newHTTPServer(reg prometheus.Gatherer, ready func() error, loaded func() config.Loaded, activity func() config.Activity) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc(config.PathLive, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("ok\n"))
	})
	mux.HandleFunc(config.PathReady, func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte("ok\n"))
	})
	mux.HandleFunc(config.PathConfig, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(loaded())
	})
	mux.HandleFunc(config.PathActivity, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(activity())
	})
	mux.Handle(config.PathMetrics, promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	return &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
	}
}
