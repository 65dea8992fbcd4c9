package ftp

import (
	"context"
	"io"
	"sync"
)

// shares divide the processors among users who have checksums computed, block by block.
// A user has no more than half of them, and stands in line for no more, so that the line
// is short for everybody else, however many sessions that user has. Nobody holds one
// while a disk is waited for.
type shares struct {
	busy  chan struct{} // an element for each processor in use
	mu    sync.Mutex
	users map[string]*share
}

// A share is what a user has who computes or waits.
type share struct {
	busy  chan struct{} // an element for each that has, or stands in line for, a processor
	count int           // of those that compute or wait
}

func newShares(n int) *shares {
	return &shares{busy: make(chan struct{}, max(n, 1)), users: map[string]*share{}}
}

// take waits for a processor for a user, until ctx ends.
func (s *shares) take(ctx context.Context, user string) error {
	s.mu.Lock()
	u := s.users[user]
	if u == nil {
		u = &share{busy: make(chan struct{}, max(cap(s.busy)/2, 1))}
		s.users[user] = u
	}
	u.count++
	s.mu.Unlock()
	select {
	case u.busy <- struct{}{}:
	case <-ctx.Done():
		s.leave(user)
		return context.Cause(ctx)
	}
	select {
	case s.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-u.busy
		s.leave(user)
		return context.Cause(ctx)
	}
}

// give gives back what take has taken.
func (s *shares) give(user string) {
	<-s.busy
	<-s.leave(user).busy
}

func (s *shares) leave(user string) *share {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[user]
	if u.count--; u.count == 0 {
		delete(s.users, user)
	}
	return u
}

// A sharedWriter writes when its user has a processor.
type sharedWriter struct {
	c   *Conn
	job *job
	w   io.Writer
}

func (w *sharedWriter) Write(p []byte) (int, error) {
	user, shares := w.c.User(), w.c.server.hashing
	if err := shares.take(w.job.ctx, user); err != nil {
		return 0, err
	}
	defer shares.give(user)
	return w.w.Write(p)
}
