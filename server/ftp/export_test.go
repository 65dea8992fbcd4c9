package ftp

import "time"

// GiveMore gives clients more time for the last words between them and the server:
// a client of a test may have to wait for the processor.
func (s *Server) GiveMore(d time.Duration) { s.parting = d }
