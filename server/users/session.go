package users

import (
	"errors"
	"sync"
	"time"
)

// ErrTooMany means that a limit on sessions is reached.
var ErrTooMany = errors.New("too many sessions of this user")

// Session is one login of a user.
type Session struct {
	User *User

	dir     *Directory
	attempt Attempt
	done    chan struct{}
	once    sync.Once
	expiry  *time.Timer // guarded by dir.mu
}

// Start begins a session of the user, who has just been checked with the same
// attempt. It fails with [ErrTooMany] when the user has as many already as
// the limit allows. Sessions of all protocols count together.
func (d *Directory) Start(u *User, a Attempt) (*Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	limit := u.config.Limits.MaxSessions
	if limit == 0 {
		limit = d.limits.MaxPerUser
	}
	if limit > 0 {
		n := 0
		for s := range d.sessions {
			if s.attempt.User == a.User {
				n++
			}
		}
		if n >= limit {
			return nil, ErrTooMany
		}
	}
	s := &Session{User: u, dir: d, attempt: a, done: make(chan struct{})}
	d.sessions[s] = struct{}{}
	s.expireAt(u.config.ExpiresAt, d.now())
	return s, nil
}

// Done is closed when the session must end at once: the user was removed or
// suspended, or has expired.
func (s *Session) Done() <-chan struct{} { return s.done }

// End ends the session. It may be called more than once.
func (s *Session) End() {
	s.dir.mu.Lock()
	defer s.dir.mu.Unlock()
	delete(s.dir.sessions, s)
	if s.expiry != nil {
		s.expiry.Stop()
	}
}

func (s *Session) finish() { s.once.Do(func() { close(s.done) }) }

// expireAt has the session done at that time, if there is one.
func (s *Session) expireAt(at *time.Time, now time.Time) {
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	if at != nil {
		s.expiry = time.AfterFunc(at.Sub(now), s.finish)
	}
}
