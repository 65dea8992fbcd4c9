package users

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrTooMany means that the limit on sessions of a user is reached.
var ErrTooMany = errors.New("too many sessions of this user")

// Session is one login of a user.
type Session struct {
	// User is the account as it was when the session began.
	User *User

	dir     *Directory
	attempt Attempt
	proof   Proof
	done    chan struct{}
	once    sync.Once

	id    uint64
	since time.Time

	// guarded by dir.mu
	ended  bool
	expiry *time.Timer
}

// Begin begins a session of the user if the proof is right and nothing stands
// against the login. A password that was not checked yet is ([Directory.Check]
// says how). What decides is the account at the moment at which the session
// begins: whoever was removed, suspended, moved or given another password since
// his proof was checked does not get in. The session remembers its proof, and is
// done when that is none any more.
//
// Errors are [ErrLogin] with the reason or, when a limit is reached over all
// protocols, [ErrTooMany] or [ErrFull].
func (d *Directory) Begin(ctx context.Context, a Attempt, p Proof) (*Session, error) {
	checked, err := d.check(ctx, a, p, true)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.shards.user(a.User)
	if err := d.stands(u, a, checked.Proof); err != nil {
		return nil, err
	}
	if err := d.room(u, a); err != nil {
		return nil, err
	}
	d.lastSession++
	s := &Session{User: u, dir: d, attempt: a, proof: checked.Proof, done: make(chan struct{}), id: d.lastSession, since: d.now()}
	d.sessions[s] = struct{}{}
	d.byUser[a.User]++
	d.loggedIn(a.User)
	a.Visit.loggedIn()
	s.expireAt(d.now())
	return s, nil
}

// stands says why a session with this proof may not be, or nil. The caller has
// d.mu.
func (d *Directory) stands(u *User, a Attempt, p Proof) error {
	if u == nil {
		return errChanged // it was there a moment ago
	}
	if err := d.shown(u, a, p); err != nil {
		return err
	}
	if u.RequireAll() && !p.all() {
		return errChanged
	}
	return u.refuses(a, d.now())
}

// room says which limit stands against one more session, or nil. The caller has d.mu.
func (d *Directory) room(u *User, a Attempt) error {
	limit := u.config.Limits.MaxSessions
	if limit == 0 {
		limit = d.limits.MaxPerUser
	}
	switch {
	case a.Visit != nil && a.Visit.gone:
		return ErrEvicted
	case limit > 0 && d.byUser[a.User] >= limit:
		return ErrTooMany
	case d.full():
		return ErrFull
	}
	return nil
}

// Done is closed when the session must end at once: the user was removed or
// suspended, has expired or another home, or the session's credential is none
// any more.
func (s *Session) Done() <-chan struct{} { return s.done }

// End ends the session. It may be called more than once.
func (s *Session) End() {
	d := s.dir
	d.mu.Lock()
	if s.ended {
		d.mu.Unlock()
		return
	}
	s.ended = true
	delete(d.sessions, s)
	if d.byUser[s.attempt.User]--; d.byUser[s.attempt.User] <= 0 {
		delete(d.byUser, s.attempt.User)
	}
	if s.expiry != nil {
		s.expiry.Stop()
	}
	evicted := s.attempt.Visit.loggedOut()
	d.mu.Unlock()
	evicted.evict()
}

func (s *Session) finish() { s.once.Do(func() { close(s.done) }) }

// review ends the session if it does not stand any more. The caller has dir.mu.
func (s *Session) review(now time.Time) {
	u := s.dir.shards.user(s.attempt.User)
	if s.dir.stands(u, s.attempt, s.proof) != nil || u.Home() != s.User.Home() {
		s.finish()
		return
	}
	s.expireAt(now)
}

// expireAt has the session looked at again when its user or key expires. The
// caller has dir.mu.
func (s *Session) expireAt(now time.Time) {
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	u := s.dir.shards.user(s.attempt.User)
	if at := u.expires(s.proof, now); !at.IsZero() {
		s.expiry = time.AfterFunc(at.Sub(now), s.finish)
	}
}
