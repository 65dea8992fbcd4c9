package conns

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrServerClosed is returned by [Set.Serve] once the set is stopped.
var ErrServerClosed = errors.New("server closed")

// A Set is the listeners of a server and its connections, C. The zero value is
// an empty one.
type Set[C comparable] struct {
	lastID atomic.Uint64

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	members   map[C]struct{}
	empty     chan struct{} // nil until Stop; closed when the last member has gone
}

// Serve accepts connections on ln until ln fails or the set is stopped, and
// closes ln. It calls serve for each, on a goroutine of its own.
func (s *Set[C]) Serve(ln net.Listener, log *slog.Logger, serve func(net.Conn)) error {
	defer ln.Close()
	if !s.listen(ln) {
		return ErrServerClosed
	}
	defer s.forget(ln)
	var delay time.Duration
	for {
		nc, err := ln.Accept()
		if err == nil {
			delay = 0
			go serve(nc)
			continue
		}
		if s.stopped() {
			return ErrServerClosed
		}
		// Out of file descriptors, most likely: accepting goes on when some are
		// free again, as in net/http.
		if ne, ok := err.(net.Error); !ok || !ne.Temporary() {
			return err
		}
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		log.Warn("accepting a connection failed, trying again", "error", err, "in", delay)
		time.Sleep(delay)
	}
}

// NextID returns a number that it has not returned before.
func (s *Set[C]) NextID() uint64 { return s.lastID.Add(1) }

// Add adds a connection. It returns false if the set is stopped: then the
// connection is to be refused.
func (s *Set[C]) Add(c C) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.empty != nil {
		return false
	}
	if s.members == nil {
		s.members = map[C]struct{}{}
	}
	s.members[c] = struct{}{}
	return true
}

// Remove removes a connection that was added.
func (s *Set[C]) Remove(c C) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.members, c)
	if s.empty != nil && len(s.members) == 0 {
		close(s.empty)
	}
}

// All returns the connections, in no particular order.
func (s *Set[C]) All() []C {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]C, 0, len(s.members))
	for c := range s.members {
		all = append(all, c)
	}
	return all
}

// End calls end for every connection for which match returns true, each on a
// goroutine of its own: no connection waits for another to end. It returns how
// many those are.
func (s *Set[C]) End(match func(C) bool, end func(C)) int {
	n := 0
	for _, c := range s.All() {
		if match(c) {
			n++
			go end(c)
		}
	}
	return n
}

// Stop closes the listeners, refuses new connections, and calls end for those
// that there are, as End does. It may be called again, to end them in another
// way. The channel that it returns is closed when the last one is removed.
func (s *Set[C]) Stop(end func(C)) (empty <-chan struct{}) {
	s.mu.Lock()
	if s.empty == nil {
		s.empty = make(chan struct{})
		if len(s.members) == 0 {
			close(s.empty)
		}
	}
	listeners := s.listeners
	s.listeners = nil
	s.mu.Unlock()
	for ln := range listeners {
		ln.Close()
	}
	s.End(func(C) bool { return true }, end)
	return s.empty
}

// Shutdown stops the set and calls drain for each connection, which should end
// it as soon as that cuts nothing. It returns nil when the last connection is
// removed. When ctx ends first, abort is called for those that are left, and
// the error of ctx returned.
func (s *Set[C]) Shutdown(ctx context.Context, drain, abort func(C)) error {
	empty := s.Stop(drain)
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		s.Stop(abort)
		return ctx.Err()
	}
}

func (s *Set[C]) listen(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.empty != nil {
		return false
	}
	if s.listeners == nil {
		s.listeners = map[net.Listener]struct{}{}
	}
	s.listeners[ln] = struct{}{}
	return true
}

func (s *Set[C]) forget(ln net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
}

func (s *Set[C]) stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.empty != nil
}
