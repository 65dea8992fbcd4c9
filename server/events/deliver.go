package events

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// firstWait is how long after a failure a delivery is tried again. It doubles up to
	// maxWait.
	firstWait = time.Second
	maxWait   = 5 * time.Minute
	// maxPause is how long a receiver is left alone that takes nothing, unless it asks for
	// more, up to maxAsked.
	maxPause = time.Minute
	maxAsked = time.Hour
	// patience is how many failures in a row make one that takes nothing.
	patience = 5
)

// deliver delivers one event after the other.
func (o *Outbox) deliver(ctx context.Context) {
	for {
		i := o.queue.take(ctx)
		if i == nil || !o.pace.enter(ctx) {
			return
		}
		o.pace.leave(o.attempt(ctx, i))
	}
}

// attempt tries to deliver an event, and sees to what becomes of it.
func (o *Outbox) attempt(ctx context.Context, i *item) verdict {
	readCtx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	r, err := get(readCtx, o.opts.Store, i.key())
	switch {
	case ctx.Err() != nil:
		return verdict{}
	case errors.Is(err, fs.ErrNotExist):
		o.settle(i) // another owner has delivered it
		return verdict{}
	case errors.Is(err, errBroken):
		o.opts.Log.Error("a record in the outbox cannot be read; it is kept as a dead letter", "event", i.id, "error", err)
		if o.bury(i, r) {
			o.settle(i)
		} else {
			o.again(i)
		}
		return verdict{}
	case err != nil:
		o.opts.Log.Warn("an event cannot be read from the outbox; it is tried again", "event", i.id, "error", err)
		o.again(i)
		return verdict{}
	}
	start := time.Now()
	v := o.sink.post(ctx, r.Event)
	if ctx.Err() != nil {
		return verdict{}
	}
	o.opts.Tried(v.result, time.Since(start))
	switch {
	case v.dead:
		o.opts.Log.Error("the receiver refuses an event for good; it is kept as a dead letter", "event", i.id, "type", r.Type, "reason", v.reason)
		if !o.bury(i, r) {
			o.again(i)
			return v
		}
		o.opts.Count(r.Type, Dead)
	case !v.ok:
		o.again(i)
		return v
	default:
		if err := o.store(func(ctx context.Context) error { return o.opts.Store.Remove(ctx, i.key()) }); err != nil {
			o.again(i) // told twice rather than never removed
			return v
		}
		o.opts.Count(r.Type, Delivered)
	}
	o.settle(i)
	return v
}

// again has an event tried again, each time after twice as long.
func (o *Outbox) again(i *item) {
	wait := min(o.opts.wait<<min(i.tries, 16), maxWait)
	i.tries++
	i.due = time.Now().Add(wait/2 + rand.N(wait)) //nolint:gosec // only so that they do not come all at once
	o.queue.put(i)
}

// bury keeps an event that the receiver will never take.
func (o *Outbox) bury(i *item, r record) bool {
	if o.dead.Load() >= MaxDead {
		o.opts.Log.Error("there are too many dead letters; this one is given up", "event", i.id, "content", string(r.Event))
		return o.store(func(ctx context.Context) error { return o.opts.Store.Remove(ctx, i.key()) }) == nil
	}
	err := o.store(func(ctx context.Context) error {
		return o.opts.Store.Move(ctx, i.key(), "dead/"+i.id, r.Event)
	})
	if err == nil {
		o.dead.Add(1)
	}
	return err == nil || errors.Is(err, fs.ErrNotExist)
}

// countDead counts the dead letters of all pods.
func (o *Outbox) countDead(ctx context.Context) {
	if ids, err := o.names(ctx, "dead"); err == nil {
		o.dead.Store(int64(len(ids)))
	}
}

// A pace leaves a receiver alone that takes nothing: then one event is tried at a time, after
// a pause that grows.
type pace struct {
	unit time.Duration

	mu       sync.Mutex
	failures int       // in a row
	until    time.Time // when the next one may be tried
	probing  bool      // one is tried
	reason   string    // of the last failure
	changed  chan struct{}
}

// enter waits until something may be tried. It is false when ctx has ended.
func (p *pace) enter(ctx context.Context) bool {
	for ctx.Err() == nil {
		p.mu.Lock()
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		left, changed := time.Until(p.until), p.changed
		slow := p.failures >= patience
		if left <= 0 && (!slow || !p.probing) {
			p.probing = slow
			p.mu.Unlock()
			return true
		}
		p.mu.Unlock()
		if left <= 0 {
			left = time.Hour // until the one that is tried has ended
		}
		rest(ctx, left, changed)
	}
	return false
}

// leave says how a delivery went.
func (p *pace) leave(v verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probing = false
	switch {
	case v.ok || v.dead:
		p.failures, p.until, p.reason = 0, time.Time{}, ""
	case v.reason != "":
		p.failures++
		p.reason = v.reason
		if over := p.failures - patience; over >= 0 {
			p.until = time.Now().Add(min(p.unit<<min(over, 16), maxPause))
		}
		if asked := time.Now().Add(min(v.after, maxAsked)); v.after > 0 && asked.After(p.until) {
			p.until = asked
		}
	}
	p.wake()
}

// restart forgets what was, for another receiver.
func (p *pace) restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures, p.until = 0, time.Time{}
	p.wake()
}

func (p *pace) wake() {
	if p.changed != nil {
		close(p.changed)
	}
	p.changed = make(chan struct{})
}

// failing says why nothing is taken; "" if something is.
func (p *pace) failing() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failures < patience {
		return ""
	}
	return p.reason
}
