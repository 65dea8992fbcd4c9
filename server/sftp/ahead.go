package sftp

import (
	"errors"
	"sync"
	"time"
)

// An ahead bounds what is read of a client between the key exchange and its
// request to log in. Until then, nobody can take the packets that x/crypto has
// received (see drainSSH), and it keeps the goroutine that receives them for ever
// if more than sixteen are left when the connection ends. What is allowed holds
// fewer: an encrypted packet has 32 bytes at least (RFC 4253 section 6).
//
// The zero value allows all. Its methods may be called from any goroutine.
type ahead struct {
	mu     sync.Mutex
	lifted chan struct{} // closed when all is allowed again; nil before begin
	over   bool          // lift was called
	left   int           // bytes
}

const (
	// maxEarly suffices for SSH_MSG_NEWKEYS, SSH_MSG_EXT_INFO (RFC 8308) and
	// SSH_MSG_SERVICE_REQUEST.
	maxEarly = 512
	// earlyWait is how long the server may take to answer these.
	earlyWait = 10 * time.Second
)

var errEarly = errors.New("sftp: the client sends more than a request to log in")

// begin bounds what is read from now on, unless that was lifted before.
func (a *ahead) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lifted == nil && !a.over {
		a.lifted, a.left = make(chan struct{}), maxEarly
	}
}

// lift allows all again.
func (a *ahead) lift() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lifted != nil && !a.over {
		close(a.lifted)
	}
	a.over = true
}

// allow returns how many of size bytes may be read now. When it is none, it waits
// until all is allowed again, and returns an error if that takes too long.
func (a *ahead) allow(size int) (int, error) {
	a.mu.Lock()
	lifted, bounded, left := a.lifted, a.lifted != nil && !a.over, a.left
	a.mu.Unlock()
	switch {
	case !bounded:
		return size, nil
	case left > 0:
		return min(size, left), nil
	}
	timer := time.NewTimer(earlyWait)
	defer timer.Stop()
	select {
	case <-lifted:
		return size, nil
	case <-timer.C:
		return 0, errEarly
	}
}

// took counts n bytes that were read.
func (a *ahead) took(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left -= n
}
