package ftp

import (
	"runtime"
	"time"
)

// A stretch is what a goroutine does without waiting for anything that Go's
// scheduler knows of. After 10 ms of it, the scheduler would take the processor away
// in the middle of every system call, and wake another thread for it.
type stretch struct{ since time.Time }

// yield has the scheduler know, in time.
func (s *stretch) yield() {
	if now := time.Now(); now.Sub(s.since) > 5*time.Millisecond {
		s.since = now
		runtime.Gosched()
	}
}
