package conns

import (
	"log/slog"
	"runtime/debug"
)

// Guard runs f and reports whether f came to its end. A panic of f is logged with
// what was being done and, if it is not nil, with what whose returns; it goes no further: it
// may come out of a backend, a file or a hook, and must not end the sessions of others.
func Guard(log *slog.Logger, doing string, f func(), whose func() []any) (ok bool) {
	defer func() {
		if ok {
			return
		}
		// f has panicked: nothing here calls runtime.Goexit.
		args := []any{"doing", doing, "panic", recover(), "stack", string(debug.Stack())}
		if whose != nil {
			args = append(whose(), args...)
		}
		log.Error("panic", args...)
	}()
	f()
	return true
}
