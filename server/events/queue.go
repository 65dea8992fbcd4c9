package events

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// An item is an event that is ready. An outbox with 100,000 has some 10 MB of them in memory; what
// they say is in the store alone.
type item struct {
	run, id string
	due     time.Time
	tries   int
}

func (i *item) key() string { return "ready/" + i.run + "/" + i.id }

// A queue has items in the order in which they are due.
type queue struct {
	mu      sync.Mutex
	items   due
	changed chan struct{} // closed when an item comes
}

func newQueue() *queue { return &queue{changed: make(chan struct{})} }

func (q *queue) put(i *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	heap.Push(&q.items, i)
	close(q.changed)
	q.changed = make(chan struct{})
}

// hasten has all items due now.
func (q *queue) hasten() {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, i := range q.items {
		i.tries = 0
		if i.due.After(now) {
			i.due = now
		}
	}
	heap.Init(&q.items)
	close(q.changed)
	q.changed = make(chan struct{})
}

// take returns the next item when it is due, or nil when ctx has ended.
func (q *queue) take(ctx context.Context) *item {
	for ctx.Err() == nil {
		i, left, changed := q.first()
		if i != nil {
			return i
		}
		rest(ctx, left, changed)
	}
	return nil
}

// rest waits for so long, or until something has changed, or ctx has ended.
func rest(ctx context.Context, left time.Duration, changed <-chan struct{}) {
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
	}
}

// first takes the first item if it is due. Otherwise it tells for how long to wait, unless the
// queue changes.
func (q *queue) first() (i *item, left time.Duration, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil, time.Hour, q.changed
	}
	if left = time.Until(q.items[0].due); left > 0 {
		return nil, left, q.changed
	}
	return heap.Pop(&q.items).(*item), 0, nil //nolint:forcetypeassert // nothing else is put
}

// due is a heap.
type due []*item

func (d due) Len() int           { return len(d) }
func (d due) Less(a, b int) bool { return d[a].due.Before(d[b].due) }
func (d due) Swap(a, b int)      { d[a], d[b] = d[b], d[a] }
func (d *due) Push(x any)        { *d = append(*d, x.(*item)) } //nolint:forcetypeassert // nothing else is pushed
func (d *due) Pop() any {
	last := len(*d) - 1
	i := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return i
}
