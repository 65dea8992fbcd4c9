package ftp

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"time"
)

// Shutdown drains the server: listeners are closed, sessions that are idle are
// ended with 421, and those that transfer are when their transfer is finished.
// It returns nil when the last session has gone. When ctx ends first, what
// still runs is cut and Shutdown returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	empty := s.stopAll(func(c *Conn) { c.stop(whenDraining) })
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
	s.stopAll((*Conn).Abort)
	return nil
}

// stopAll calls stop for each connection, refuses new ones, and closes the listeners.
// The channel it returns is closed when there is no session any more.
func (s *Server) stopAll(stop func(*Conn)) <-chan struct{} {
	s.mu.Lock()
	if !s.stopping {
		s.stopping = true
		s.empty = make(chan struct{})
		if len(s.conns) == 0 {
			close(s.empty)
		}
	}
	s.mu.Unlock()
	for _, c := range s.snapshot() {
		stop(c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for ln := range s.listeners {
		ln.Close()
	}
	return s.empty
}

// Sessions returns a snapshot of all sessions, in no particular order.
func (s *Server) Sessions() []SessionInfo {
	conns := s.snapshot()
	infos := make([]SessionInfo, len(conns))
	for i, c := range conns {
		infos[i] = c.info()
	}
	return infos
}

// EndSessions ends every session for which match returns true, with 421 and
// text, cutting its transfer, and returns how many those were. It serves for
// users that were removed or suspended. It does not wait for them to be gone.
func (s *Server) EndSessions(match func(SessionInfo) bool, text string) int {
	n := 0
	for _, c := range s.snapshot() {
		if match(c.info()) {
			c.endSession(text)
			n++
		}
	}
	return n
}

// endSession ends the connection with 421 and text.
func (c *Conn) endSession(text string) {
	c.mu.Lock()
	c.endText = text
	c.mu.Unlock()
	c.stop(atOnce)
}

// Abort ends the connection at once and without a word, as for one that has to
// make room for others. It may be called from any goroutine, and does not wait.
func (c *Conn) Abort() {
	c.aborted.Store(true)
	c.stop(atOnce)
	c.cancel()
	c.raw.Close()
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
		s.started = time.Now()
		if s.Passive != nil {
			s.Passive.log.Store(s.logger())
		}
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
func (s *Server) add(c *Conn) error {
	limits := c.limits()
	addr := c.remote.Addr()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return stopDrain.reply
	case limits.MaxSessions > 0 && len(s.conns) >= limits.MaxSessions:
		return &Error{421, "Too many sessions, try again later"}
	case limits.MaxSessionsPerAddress > 0 && s.byAddr[addr] >= limits.MaxSessionsPerAddress:
		return &Error{421, "Too many sessions from your address"}
	}
	if s.conns == nil {
		s.conns = map[*Conn]struct{}{}
		s.byAddr = map[netip.Addr]int{}
		s.byUser = map[string]int{}
	}
	if s.nextID == 0 {
		s.visited = c.started
	}
	s.nextID++
	c.id = s.nextID
	s.conns[c] = struct{}{}
	s.byAddr[addr]++
	return nil
}

// A server that had no visitor for so many times PassiveOptions.Settle is known
// everywhere.
const settledAlone = 20

// settle waits until ports may be told; see PassiveOptions.Settle.
func (s *Server) settle(ctx context.Context, after time.Duration) error {
	s.mu.Lock()
	wait := time.Until(s.visited.Add(after))
	if s.visited.Sub(s.started) > settledAlone*after {
		wait = 0
	}
	s.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errLost
	}
}

func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	decrement(s.byAddr, c.remote.Addr())
	if s.stopping && len(s.conns) == 0 {
		close(s.empty)
	}
}

// addUser counts a login, unless the user has enough sessions already.
func (s *Server) addUser(user string, limit int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit > 0 && s.byUser[user] >= limit {
		return false
	}
	s.byUser[user]++
	return true
}

func (s *Server) removeUser(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	decrement(s.byUser, user)
}

func decrement[K comparable](m map[K]int, key K) {
	if m[key]--; m[key] <= 0 {
		delete(m, key)
	}
}

var noLogger = slog.New(slog.DiscardHandler)

func (s *Server) logger() *slog.Logger {
	if s.Logger != nil {
		return s.Logger
	}
	return noLogger
}

// hashShares are for those who compute checksums; a processor is left to all others.
func (s *Server) hashShares() *shares {
	if s.hashing.Load() == nil {
		s.hashing.CompareAndSwap(nil, newShares(runtime.GOMAXPROCS(0)-1))
	}
	return s.hashing.Load()
}

// passive returns the pool of the server.
func (s *Server) passive() *PassivePool {
	if s.Passive != nil {
		return s.Passive
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.freePool == nil {
		s.freePool = NewPassivePool(PassiveOptions{})
	}
	return s.freePool
}
