package ftp

import (
	"container/list"
	"context"
	"sync"
)

// shares divide the processors among users who have checksums computed: each turn is for
// one block, and goes to the user who had none for the longest time, however many
// sessions another one has. Nobody holds one while a disk is waited for.
type shares struct {
	mu     sync.Mutex
	free   int
	total  int
	served uint64
	users  map[string]*share
	queue  list.List // of *claim, the oldest first
}

// A share is what a user has, who computes or waits.
type share struct {
	held, waiting int
	last          uint64 // when the last turn was granted, in turns
}

type claim struct {
	user  string
	ready chan struct{}
}

func newShares(n int) *shares {
	n = max(n, 1)
	return &shares{free: n, total: n, users: map[string]*share{}}
}

// take waits for a turn of a user, until ctx ends.
func (s *shares) take(ctx context.Context, user string) error {
	s.mu.Lock()
	u := s.users[user]
	if u == nil {
		u = &share{}
		s.users[user] = u
	}
	u.waiting++
	c := &claim{user, make(chan struct{})}
	element := s.queue.PushBack(c)
	s.grant()
	s.mu.Unlock()
	select {
	case <-c.ready:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-c.ready: // just now
		s.release(user)
	default:
		s.queue.Remove(element)
		u.waiting--
		s.forget(user)
	}
	return context.Cause(ctx)
}

func (s *shares) give(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(user)
}

func (s *shares) release(user string) {
	s.users[user].held--
	s.free++
	s.grant()
	s.forget(user)
}

func (s *shares) forget(user string) {
	if u := s.users[user]; u.held == 0 && u.waiting == 0 {
		delete(s.users, user)
	}
}

// grant gives what is free to those that wait: no user has more than half of all turns.
func (s *shares) grant() {
	for s.free > 0 {
		var next *list.Element
		for e := s.queue.Front(); e != nil; e = e.Next() {
			u := s.users[e.Value.(*claim).user]
			if u.held < max(s.total/2, 1) && (next == nil || u.last < s.users[next.Value.(*claim).user].last) {
				next = e
			}
		}
		if next == nil {
			return
		}
		c := s.queue.Remove(next).(*claim)
		u := s.users[c.user]
		s.served++
		s.free--
		u.waiting, u.held, u.last = u.waiting-1, u.held+1, s.served
		close(c.ready)
	}
}

// A sharedWriter writes in turns of a user.
type sharedWriter struct {
	c   *Conn
	job *job
	w   interface{ Write([]byte) (int, error) }
}

func (w *sharedWriter) Write(p []byte) (int, error) {
	user, shares := w.c.User(), w.c.server.hashShares()
	if err := shares.take(w.job.ctx, user); err != nil {
		return 0, err
	}
	defer shares.give(user)
	return w.w.Write(p)
}
