package sftp

import "sync/atomic"

// An account is what all connections of a user share.
type account struct {
	name     string
	conns    int           // guarded by Server.mu
	files    atomic.Int64  // descriptors of files and folders that are open
	parked   atomic.Int64  // see inflow
	buffered atomic.Int64  // see Conn.buffer
	held     atomic.Int64  // see Conn.hold
	hashes   chan struct{} // has a place for each file that may be hashed at once
}

// enter returns the account of a user, for one connection until leave is called.
func (s *Server) enter(user string) *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[user]
	if a == nil {
		a = &account{name: user, hashes: make(chan struct{}, hashesOfUser)}
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
	c.giveBack()
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.account.conns--; c.account.conns == 0 {
		delete(s.accounts, c.account.name)
	}
}
