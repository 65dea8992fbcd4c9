package sftp

import "sync/atomic"

// An account is what all connections of a user share.
type account struct {
	name     string
	conns    int          // guarded by Server.mu
	files    atomic.Int64 // that are open
	parked   atomic.Int64 // see inflow
	buffered atomic.Int64 // see Conn.buffer
}

// enter returns the account of a user, for one connection until leave is called.
func (s *Server) enter(user string) *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[user]
	if a == nil {
		a = &account{name: user}
		if s.accounts == nil {
			s.accounts = map[string]*account{}
		}
		s.accounts[user] = a
	}
	a.conns++
	return a
}

func (s *Server) leave(c *Conn) {
	c.wire.inflow.share(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.account.conns--; c.account.conns == 0 {
		delete(s.accounts, c.account.name)
	}
}

// What files and folders weigh in Limits.MaxHandles.
const (
	weightFile   = 1
	weightFolder = 16
)

// reserve counts a file or folder that is about to be opened, or returns why
// it may not be. It is counted until release is called.
func (c *Conn) reserve(weight int) error {
	l := c.limits()
	handles := c.weight.Add(int64(weight))
	user, all := c.account.files.Add(1), c.server.files.Add(1)
	c.activity.handles.Add(1)
	switch {
	case l.MaxHandles > 0 && handles > int64(l.MaxHandles):
		c.release(weight)
		return Errorf(StatusFailure, "Too many open files: %d is the limit of a connection, and a folder counts as %d", l.MaxHandles, weightFolder)
	case l.MaxUserFiles > 0 && user > int64(l.MaxUserFiles), l.MaxFiles > 0 && all > int64(l.MaxFiles):
		c.release(weight)
		return &Error{StatusFailure, "Too many open files, try again later"}
	}
	return nil
}

func (c *Conn) release(weight int) {
	c.activity.handles.Add(-1)
	c.server.files.Add(-1)
	c.account.files.Add(-1)
	c.weight.Add(-int64(weight))
}
