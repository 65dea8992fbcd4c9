package users

import (
	"context"
	"net/netip"
	"slices"
	"sync"
)

// turns says who may compute a hash: as many at once as there are processors,
// and as fit into the memory. Addresses take turns, one hash each, and so do the
// names of users at one address, behind which there may be many. An address that
// has a hash under way gets another only if as much stays free for
// somebody else: one address never holds up all others, however many
// connections it has.
type turns struct {
	slots  int
	memory int64 // bytes

	mu      sync.Mutex
	running int
	used    int64 // bytes
	held    map[netip.Prefix]int
	waiting map[netip.Prefix][]*turn
	order   []netip.Prefix // of those who wait, the next first
}

// A turn is awaited.
type turn struct {
	name   string
	round  int // how many of the same name were before it
	memory int64
	come   chan struct{} // closed when it has come
}

func newTurns(slots int, memory int64) *turns {
	return &turns{slots: slots, memory: memory, held: map[netip.Prefix]int{}, waiting: map[netip.Prefix][]*turn{}}
}

// take waits for a turn of the address, for a user of that name, to be given back
// with give. It gives up when ctx ends.
func (t *turns) take(ctx context.Context, address netip.Prefix, name string, memory int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &turn{name: name, memory: memory, come: make(chan struct{})}
	t.mu.Lock()
	if len(t.waiting[address]) == 0 {
		t.order = append(t.order, address)
	}
	t.enqueue(address, w)
	t.next()
	t.mu.Unlock()
	select {
	case <-w.come:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-w.come: // at the same moment
		t.release(address, memory)
	default:
		t.forget(address, slices.Index(t.waiting[address], w))
	}
	t.next()
	return ctx.Err()
}

// enqueue puts w behind those of its round.
func (t *turns) enqueue(address netip.Prefix, w *turn) {
	queue := t.waiting[address]
	for _, other := range queue {
		if other.name == w.name {
			w.round = other.round + 1
		}
	}
	if len(queue) > 0 && w.round == 0 {
		w.round = queue[0].round // the rounds before that are over
	}
	at := len(queue)
	for at > 0 && queue[at-1].round > w.round {
		at--
	}
	t.waiting[address] = slices.Insert(queue, at, w)
}

// give gives a turn back.
func (t *turns) give(address netip.Prefix, memory int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release(address, memory)
	t.next()
}

func (t *turns) release(address netip.Prefix, memory int64) {
	t.running--
	t.used -= memory
	if t.held[address]--; t.held[address] <= 0 {
		delete(t.held, address)
	}
}

// next lets all whose turn has come begin.
func (t *turns) next() {
	for t.running < t.slots {
		i := t.choose()
		if i < 0 {
			return
		}
		address := t.order[i]
		w := t.waiting[address][0]
		t.forget(address, 0)
		if len(t.waiting[address]) > 0 { // behind all others
			i = slices.Index(t.order, address)
			t.order = append(slices.Delete(t.order, i, i+1), address)
		}
		t.running++
		t.used += w.memory
		t.held[address]++
		close(w.come)
	}
}

// choose returns the first in order who may begin, or -1.
func (t *turns) choose() int {
	full := false // somebody waits for memory; who needs some must not overtake
	for i, address := range t.order {
		w := t.waiting[address][0]
		switch {
		case w.memory > 0 && full:
		case t.used+w.memory > t.memory:
			full = true
		case t.held[address] > 0 && (t.running+2 > t.slots || t.used+2*w.memory > t.memory):
		default:
			return i
		}
	}
	return -1
}

// forget takes the i-th who waits from the queue of an address.
func (t *turns) forget(address netip.Prefix, i int) {
	queue := slices.Delete(t.waiting[address], i, i+1)
	if len(queue) > 0 {
		t.waiting[address] = queue
		return
	}
	delete(t.waiting, address)
	i = slices.Index(t.order, address)
	t.order = slices.Delete(t.order, i, i+1)
}
