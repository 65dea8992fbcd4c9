package bucket

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// small is how much of a file is held before it takes a whole part of the budget. So
// small files never wait, and who sends a few bytes slowly takes no more.
const small = 256 << 10

// A budget is the memory that parts of uploads take together. Whoever needs one more
// waits, in order, until another part has been sent: so the client is slowed down. A
// part is taken as a whole, so that no two uploads wait for what the other has begun.
type budget struct {
	limit, part int64
	room        *semaphore.Weighted
	taken       atomic.Int64

	mu   sync.Mutex
	free [][]byte
}

func newBudget(limit, part int64) *budget {
	return &budget{limit: limit, part: part, room: semaphore.NewWeighted(limit / part)}
}

// take returns an empty part, when there is room for it.
func (b *budget) take(ctx context.Context) ([]byte, error) {
	if err := b.room.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	b.taken.Add(b.part)
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.free); n > 0 {
		buf := b.free[n-1]
		b.free = b.free[:n-1]
		return buf[:0], nil
	}
	return make([]byte, 0, b.part), nil
}

// give takes a part back. Two are kept for the next uploads, and no more: memory that
// nobody uses belongs to others.
func (b *budget) give(buf []byte) {
	b.mu.Lock()
	if len(b.free) < 2 && int64(cap(buf)) == b.part {
		b.free = append(b.free, buf)
	}
	b.mu.Unlock()
	b.taken.Add(-b.part)
	b.room.Release(1)
}
