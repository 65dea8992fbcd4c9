package ftp

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// turns bound how many goroutines do at a time what takes the processor, each for a
// moment. Who keeps a turn for longer than leaseTime waits for a disk and not for the
// processor, most likely: then the turn goes to the next, so that no disk keeps
// anybody waiting who does not read from it.
type turns struct {
	slots chan struct{}
	lease time.Duration // leaseTime, unless a test has changed it
	mu    sync.Mutex
	held  list.List // of *turn, the oldest first
}

// A turn is what one goroutine has taken.
type turn struct {
	since   time.Time
	element *list.Element // nil once the turn went to somebody else
}

// leaseTime is many times what a turn takes by itself, which is 300 microseconds:
// where other processes have the processor meanwhile, it takes some milliseconds.
const leaseTime = 20 * time.Millisecond

func newTurns(n int) *turns { return &turns{slots: make(chan struct{}, max(n, 1)), lease: leaseTime} }

// take waits for a turn, until ctx ends.
func (t *turns) take(ctx context.Context) (*turn, error) {
	select {
	case t.slots <- struct{}{}:
		return t.hold(), nil
	default:
	}
	timer := time.NewTimer(t.lease)
	defer timer.Stop()
	for {
		select {
		case t.slots <- struct{}{}:
			return t.hold(), nil
		case <-timer.C:
			if t.overdue() {
				return t.hold(), nil
			}
			timer.Reset(t.lease)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// give gives a turn back, and reports whether it was kept for too long.
func (t *turns) give(turn *turn) (late bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if turn.element == nil {
		return true
	}
	t.held.Remove(turn.element)
	<-t.slots
	return time.Since(turn.since) > t.lease
}

func (t *turns) hold() *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	turn := &turn{since: time.Now()}
	turn.element = t.held.PushBack(turn)
	return turn
}

// overdue takes the oldest turn from who has it, if it has been kept for too long.
func (t *turns) overdue() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	oldest := t.held.Front()
	if oldest == nil || time.Since(oldest.Value.(*turn).since) <= t.lease {
		return false
	}
	t.held.Remove(oldest).(*turn).element = nil
	return true
}
