package ftp

import "github.com/fileserver-dev/fileserver-operator/server/conns"

// A panic ends the session in which it happens, and nothing else. It may come out of
// a backend, a file, a hook or the engine itself, on the control goroutine or on one
// that works for it: each of these runs its part within guard.

// guard runs f and reports whether f came to its end. If f panics, the session ends
// as soon as what else it does has ended, or failed for that reason.
func (c *Conn) guard(doing string, f func()) (ok bool) {
	defer func() {
		if !ok {
			c.stop(whenBroken)
		}
	}()
	return conns.Guard(c.server.logger().With("session", c.id, "user", c.User()), doing, f)
}
