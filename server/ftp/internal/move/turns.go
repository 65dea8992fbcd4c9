package move

import (
	"context"
	"runtime"
	"time"
)

// Turns leave a processor to everything that is no download. Go looks at the network when
// a processor has nothing else to do. With more downloads than processors it never has:
// each system call is followed by that of another download, and who sends a command
// waits for a timer of the runtime, and then for all of them. With a turn less than there
// are processors, those who wait for theirs leave one idle.
type Turns chan struct{} // an element for each that is taken

const (
	// turnSize is how much is sent in a turn, which takes some 50 microseconds.
	turnSize = 256 << 10
	// slowTurn is how long a turn takes that waits for a disk, and not for a processor.
	slowTurn = 2 * time.Millisecond
	// turnWait is the longest that a turn is waited for. Where nobody gives one back, it
	// is a disk that is waited for, and more may wait for it.
	turnWait = 20 * time.Millisecond
)

// NewTurns returns turns of which none is taken.
func NewTurns() Turns { return make(Turns, max(runtime.GOMAXPROCS(0)-1, 1)) }

// A waiter takes turns, one after the other.
type waiter struct {
	ctx   context.Context
	turns Turns
	held  bool
	since time.Time
	slow  bool // the last turn was
}

// take waits for a turn. If that ends well, give gives it back.
func (w *waiter) take() (err error) {
	w.held, err = w.wait()
	w.since = time.Now()
	return err
}

func (w *waiter) give() {
	w.slow = time.Since(w.since) > slowTurn
	if w.held {
		<-w.turns
	}
}

// wait returns whether there is a turn to give back.
func (w *waiter) wait() (held bool, err error) {
	if w.slow {
		return false, nil // what a disk keeps waiting takes no processor to speak of
	}
	select {
	case w.turns <- struct{}{}:
		return true, nil
	default:
	}
	timer := time.NewTimer(turnWait)
	defer timer.Stop()
	select {
	case w.turns <- struct{}{}:
		return true, nil
	case <-timer.C:
		return false, nil
	case <-w.ctx.Done():
		return false, &ConnError{context.Cause(w.ctx)}
	}
}
