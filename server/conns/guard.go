package conns

import (
	"log/slog"
	"runtime/debug"
)

// Guard runs f and reports whether f came to its end. A panic of f is logged with
// what was being done, and goes no further: it may come out of a backend, a file or
// a hook, and must not end the sessions of others.
func Guard(log *slog.Logger, doing string, f func()) (ok bool) {
	defer func() {
		if ok {
			return
		}
		// f has panicked: nothing here calls runtime.Goexit.
		log.Error("panic", "doing", doing, "panic", recover(), "stack", string(debug.Stack()))
	}()
	f()
	return true
}
