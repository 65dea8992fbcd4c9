package scale

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Pods answer over HTTP for the pods of a [Cluster], each at its own address of the
// loopback network, and all at one port.
type Pods struct {
	// Port is where the pods listen: the metrics port of their FileServers.
	Port int32

	cluster *Cluster
	silent  atomic.Pointer[map[string]bool]
	server  *http.Server
}

// Serve has the pods answer until they are closed.
func (c *Cluster) Serve() (*Pods, error) {
	l, err := net.Listen("tcp4", "0.0.0.0:0") // all of 127.0.0.0/8, where each pod has an address
	if err != nil {
		return nil, fmt.Errorf("listening for pods: %w", err)
	}
	p := &Pods{cluster: c}
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		p.Port = int32(a.Port)
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(l) }()
	return p, nil
}

// Close ends the answers.
func (p *Pods) Close() { p.server.Close() }

// SilenceAllBut has the pods take connections and never answer, but for those at these
// addresses.
func (p *Pods) SilenceAllBut(addresses []string) {
	p.cluster.mu.Lock()
	defer p.cluster.mu.Unlock()
	silent := map[string]bool{}
	for address := range p.cluster.pods {
		silent[address] = true
	}
	for _, address := range addresses {
		delete(silent, address)
	}
	p.silent.Store(&silent)
}

func (p *Pods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		http.NotFound(w, r)
		return
	}
	address := local.IP.String()
	if silent := p.silent.Load(); silent != nil && (*silent)[address] {
		<-r.Context().Done() // until the operator has waited long enough
		return
	}
	p.cluster.mu.Lock()
	l, ok := p.cluster.loaded[p.cluster.pods[address]]
	p.cluster.mu.Unlock()
	if !ok {
		http.Error(w, "nothing is loaded yet", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case config.PathConfig:
		_ = json.NewEncoder(w).Encode(l.Loaded)
	case config.PathActivity:
		_ = json.NewEncoder(w).Encode(config.Activity{})
	default:
		http.NotFound(w, r)
	}
}
