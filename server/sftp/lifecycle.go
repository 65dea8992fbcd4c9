package sftp

import (
	"context"
	"log/slog"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// Shutdown drains the server: listeners are closed, sessions that are idle are
// ended, and those that transfer are when they have finished. What counts as
// idle leaves a recursive transfer the second it may take between two files;
// in the second half of the time until the deadline of ctx, sessions end
// between two files even so, rather than be cut in one.
// It returns nil when the last session has gone. When ctx ends first, what
// still runs is cut and Shutdown returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok {
		hurry := time.AfterFunc(time.Until(deadline)/2, func() { s.hurry.Store(true) })
		defer hurry.Stop()
	}
	return s.conns.Shutdown(ctx, (*Conn).drain, (*Conn).close)
}

// Close closes listeners and connections at once, cutting transfers. To wait
// until the sessions have gone, call Shutdown after it.
func (s *Server) Close() error {
	s.conns.Stop((*Conn).close)
	return nil
}

// Sessions returns a snapshot of all connections, in no particular order.
func (s *Server) Sessions() []SessionInfo {
	all := s.conns.All()
	infos := make([]SessionInfo, len(all))
	for i, c := range all {
		infos[i] = c.info()
	}
	return infos
}

// EndSessions ends every connection for which match returns true, showing text
// to the client, and cutting its transfers, and returns how many those were.
// It does not wait for them to be gone.
func (s *Server) EndSessions(match func(SessionInfo) bool, text string) int {
	why := &conns.Ending{Reason: "ended", Text: text}
	return s.conns.End(func(c *Conn) bool { return match(c.info()) }, func(c *Conn) { c.end(why) })
}

var noLogger = slog.New(slog.DiscardHandler)

func (s *Server) logger() *slog.Logger {
	if s.opts.Logger != nil {
		return s.opts.Logger
	}
	return noLogger
}
