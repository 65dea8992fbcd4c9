package sftp

import "time"

// Unsent returns for how long no client has taken anything of what is sent.
func (s *Server) Unsent() time.Duration {
	for _, c := range s.conns.All() {
		if d, ok := c.wire.stalled(); ok {
			return d
		}
	}
	return 0
}

// OpenFiles returns how many descriptors are counted against Limits.MaxFiles.
func (s *Server) OpenFiles() int64 { return s.files.Load() }

// WaitForPrograms changes how long a channel may be open before it is said what for.
func (s *Server) WaitForPrograms(d time.Duration) { s.programWait.Store(int64(d)) }
