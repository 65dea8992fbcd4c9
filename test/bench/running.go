package main

import (
	"fmt"
	"sync"
)

// startMu lets a run that is ended find every server that was started.
var startMu sync.Mutex

// server returns a product's server: the one that runs, or a fresh one in its
// place.
func (b *bench) server(p product, fresh bool) (*server, error) {
	startMu.Lock()
	defer startMu.Unlock()
	if s := b.running[p.name]; s != nil {
		if !fresh {
			return s, nil
		}
		s.stop() // the new one has the same files
		delete(b.running, p.name)
	}
	s, err := p.start(b.environment)
	if err != nil {
		return nil, fmt.Errorf("starting: %w", err)
	}
	b.running[p.name] = s
	return s, nil
}

func (b *bench) stopAll() {
	startMu.Lock()
	defer startMu.Unlock()
	for _, s := range b.running {
		s.stop()
	}
}
