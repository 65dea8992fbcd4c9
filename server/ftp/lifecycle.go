package ftp

import (
	"context"
	"log/slog"
	"runtime"
)

// Shutdown drains the server: listeners are closed, sessions that are idle are
// ended with 421, and those that transfer are when their transfer is finished.
// It returns nil when the last session has gone. When ctx ends first, what
// still runs is cut and Shutdown returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	return s.conns.Shutdown(ctx, func(c *Conn) { c.stop(whenDraining) }, (*Conn).Abort)
}

// Close closes listeners and connections at once, cutting transfers. To wait
// until the sessions have gone, call Shutdown after it.
func (s *Server) Close() error {
	s.conns.Stop((*Conn).Abort)
	return nil
}

// Sessions returns a snapshot of all sessions, in no particular order.
func (s *Server) Sessions() []SessionInfo {
	all := s.conns.All()
	infos := make([]SessionInfo, len(all))
	for i, c := range all {
		infos[i] = c.info()
	}
	return infos
}

// EndSessions ends every session for which match returns true, with 421 and
// text, cutting its transfer, and returns how many those were. It serves for
// users that were removed or suspended. It does not wait for them to be gone.
func (s *Server) EndSessions(match func(SessionInfo) bool, text string) int {
	return s.conns.End(func(c *Conn) bool { return match(c.info()) }, func(c *Conn) { c.endSession(text) })
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

var noLogger = slog.New(slog.DiscardHandler)

func (s *Server) logger() *slog.Logger {
	if s.opts.Logger != nil {
		return s.opts.Logger
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
