package ftp

import (
	"context"
	"io"
	"log/slog"
	"net"
	"time"
)

// Shutdown drains the server: listeners are closed, sessions that are idle are
// ended with 421, and those that transfer are when their transfer is finished.
// It returns nil when the last session has gone. When ctx ends first, what
// still runs is cut and Shutdown returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error { return nil }

// Close closes listeners and connections at once, cutting transfers.
func (s *Server) Close() error { return nil }

// Sessions returns a snapshot of all sessions, in no particular order.
func (s *Server) Sessions() []SessionInfo { return nil }

// EndSessions ends every session for which match returns true, with 421 and
// text, cutting its transfer, and returns how many those were. It serves for
// users that were removed or suspended. It does not wait for them to be gone.
func (s *Server) EndSessions(match func(SessionInfo) bool, text string) int { return 0 }

func (s *Server) start(ln net.Listener, opts ListenerOptions) error { return nil }
func (s *Server) forget(ln net.Listener)                            {}
func (s *Server) stopping() bool                                    { return s.draining || s.closed }
func (s *Server) wakeAll()                                          {}
func (s *Server) serveConn(nc net.Conn, opts ListenerOptions)       {}

func (s *Server) logger() *slog.Logger {
	if s.Logger != nil {
		return s.Logger
	}
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}

type job struct{ start time.Time }

func (j *job) info() *TransferInfo { return nil }

type (
	lineReader  struct{}
	replyWriter struct{}
	state       struct{}
	stopReason  int32
	lineage     [16]byte
	ticketKeys  struct{}
)
