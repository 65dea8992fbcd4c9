package sftp

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Shutdown drains the server: listeners are closed, sessions that are idle are
// ended, and those that transfer are when they have finished. What counts as
// idle leaves a recursive transfer the second it may take between two files;
// in the second half of the time until the deadline of ctx, sessions end
// between two files even so, rather than be cut in one.
// It returns nil when the last session has gone. When ctx ends first, what
// still runs is cut and Shutdown returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	empty := s.stopAccepting()
	if deadline, ok := ctx.Deadline(); ok {
		hurry := time.AfterFunc(time.Until(deadline)/2, func() { s.hurry.Store(true) })
		defer hurry.Stop()
	}
	for _, c := range s.snapshot() {
		go c.drain()
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		s.Close()
		return ctx.Err()
	}
}

// Close closes listeners and connections at once, cutting transfers. To wait
// until the sessions have gone, call Shutdown after it.
func (s *Server) Close() error {
	s.stopAccepting()
	for _, c := range s.snapshot() {
		// Side by side: none has to wait for another.
		go c.abort(endClosed)
	}
	return nil
}

// stopAccepting closes the listeners. The channel it returns is closed when
// there is no session any more.
func (s *Server) stopAccepting() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.stopping = true
		s.empty = make(chan struct{})
		if len(s.conns) == 0 {
			close(s.empty)
		}
		for ln := range s.listeners {
			ln.Close()
		}
	}
	return s.empty
}

// Sessions returns a snapshot of all connections, in no particular order.
func (s *Server) Sessions() []SessionInfo {
	conns := s.snapshot()
	infos := make([]SessionInfo, len(conns))
	for i, c := range conns {
		infos[i] = c.info()
	}
	return infos
}

// EndSessions ends every connection for which match returns true, showing text
// to the client, and cutting its transfers, and returns how many those were.
// It does not wait for them to be gone.
func (s *Server) EndSessions(match func(SessionInfo) bool, text string) int {
	n := 0
	for _, c := range s.snapshot() {
		if match(c.info()) {
			go c.end(&ending{"ended", text})
			n++
		}
	}
	return n
}

func (s *Server) snapshot() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

func (s *Server) start(ln net.Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return ErrServerClosed
	}
	if s.listeners == nil {
		s.listeners = map[net.Listener]struct{}{}
	}
	s.listeners[ln] = struct{}{}
	return nil
}

func (s *Server) forget(ln net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
}

func (s *Server) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// add registers a connection, unless a limit refuses it.
func (s *Server) add(c *Conn) *ending {
	limits := c.limits()
	addr := c.remote.Addr()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return endDrain
	case limits.MaxSessions > 0 && len(s.conns) >= limits.MaxSessions:
		return endFull
	case limits.MaxSessionsPerAddress > 0 && s.byAddr[addr] >= limits.MaxSessionsPerAddress:
		return endAddressFull
	}
	if s.conns == nil {
		s.conns = map[*Conn]struct{}{}
		s.byAddr = map[netip.Addr]int{}
	}
	s.nextID++
	c.id = s.nextID
	s.conns[c] = struct{}{}
	s.byAddr[addr]++
	return nil
}

func (s *Server) remove(c *Conn) {
	addr := c.remote.Addr()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.byAddr[addr]--; s.byAddr[addr] <= 0 {
		delete(s.byAddr, addr)
	}
	if s.stopping && len(s.conns) == 0 {
		close(s.empty)
	}
}

var noLogger = slog.New(slog.DiscardHandler)

func (s *Server) logger() *slog.Logger {
	if s.Logger != nil {
		return s.Logger
	}
	return noLogger
}
