package events

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"time"
)

// free is the owner of a run that has ended and left something.
const free = "free"

// adopted is a run that this process owns.
type adopted struct {
	left int // events that are ready
}

// sighting is when a lease was first seen with a version.
type sighting struct {
	version string
	since   time.Time
}

func lease(run, owner string) string { return "runs/" + run + "@" + owner }

// Run delivers until ctx ends, and looks after runs that have ended.
func (o *Outbox) Run(ctx context.Context) {
	done := make(chan struct{})
	for range couriers {
		go func() {
			defer func() { done <- struct{}{} }()
			o.deliver(ctx)
		}()
	}
	o.countDead(ctx)
	for n := 1; ctx.Err() == nil; n++ {
		if err := o.tick(ctx); err != nil && ctx.Err() == nil {
			o.opts.Log.Warn("the outbox of events cannot be used; it is tried again", "error", err)
		}
		if n%30 == 0 {
			o.countDead(ctx)
		}
		select {
		case <-time.After(o.opts.beat):
		case <-ctx.Done():
		}
	}
	for range couriers {
		<-done
	}
	o.leave()
}

// tick renews the leases, and takes over what nobody owns.
func (o *Outbox) tick(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	err := o.renew(ctx)
	o.catchUp()
	// A run has a lease before it has anything that is pending: so what was pending before the
	// leases were listed, of a run that has none, is of one that has ended.
	pending, listErr := o.names(ctx, "pending")
	if err := errors.Join(err, listErr); err != nil {
		return err
	}
	living, err := o.survey(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, key := range pending {
		errs = append(errs, o.decide(ctx, key, living))
	}
	return errors.Join(errs...)
}

func (o *Outbox) names(ctx context.Context, folder string) (names []string, err error) {
	for e, err := range o.opts.Store.List(ctx, folder) {
		if err != nil {
			return nil, err
		}
		names = append(names, e.Name)
	}
	return names, nil
}

// renew renews what this process owns, and gives up what has nothing left.
func (o *Outbox) renew(ctx context.Context) error {
	o.mu.Lock()
	o.beats++
	n := o.beats
	left := map[string]int{}
	for run, a := range o.runs {
		left[run] = a.left
	}
	o.mu.Unlock()
	var errs []error
	for run, events := range left {
		if run != o.run && events == 0 {
			errs = append(errs, o.finish(ctx, run))
			continue
		}
		errs = append(errs, o.opts.Store.Touch(ctx, lease(run, o.run), n))
	}
	return errors.Join(errs...)
}

// begin sees to it that there is a lease before there is anything else of this run: whatever has
// none is of nobody.
func (o *Outbox) begin(ctx context.Context) error {
	if o.leased.Load() {
		return nil
	}
	err := o.opts.Store.Touch(ctx, lease(o.run, o.run), 0)
	if err == nil {
		o.leased.Store(true)
	}
	return err
}

// finish forgets a run with nothing left.
func (o *Outbox) finish(ctx context.Context, run string) error {
	err := o.opts.Store.Remove(ctx, lease(run, o.run))
	if err == nil {
		o.opts.Store.Prune(ctx, "ready/"+run)
		o.mu.Lock()
		delete(o.runs, run)
		o.mu.Unlock()
	}
	return err
}

// survey looks at all leases, takes over those that nobody renews, and returns the runs that
// live.
func (o *Outbox) survey(ctx context.Context) (living map[string]bool, err error) {
	living = map[string]bool{o.run: true}
	there := map[string]bool{}
	for e, err := range o.opts.Store.List(ctx, "runs") {
		if err != nil {
			return nil, err
		}
		run, owner, ok := strings.Cut(e.Name, "@")
		if !ok || owner == o.run {
			continue
		}
		there[e.Name] = true
		if owner != free && !o.stale(e) {
			living[owner] = true
			continue
		}
		if err := o.adopt(ctx, run, owner); err != nil {
			return nil, err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for name := range o.seen {
		if !there[name] {
			delete(o.seen, name)
		}
	}
	return living, nil
}

// stale says whether nobody has renewed a lease for some beats of this process's own clock, and somewhat
// longer, so that not all pods come at once.
func (o *Outbox) stale(e Entry) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.seen[e.Name]
	if s == nil || s.version != e.Version {
		o.seen[e.Name] = &sighting{e.Version, time.Now()}
		return false
	}
	return time.Since(s.since) > staleAfter*o.opts.beat+rand.N(o.opts.beat) //nolint:gosec // only so that pods differ
}

// adopt makes this process the owner of a run. If two do so at once, events are
// delivered twice, which receivers know by their identifiers.
func (o *Outbox) adopt(ctx context.Context, run, owner string) error {
	err := o.opts.Store.Move(ctx, lease(run, owner), lease(run, o.run), []byte("0"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another one was quicker
	}
	if err != nil {
		return err
	}
	ids, err := o.names(ctx, "ready/"+run)
	if err != nil {
		return err
	}
	o.mu.Lock()
	_, known := o.runs[run]
	if !known {
		o.runs[run] = &adopted{}
	}
	o.mu.Unlock()
	if known {
		return nil
	}
	if len(ids) > 0 {
		o.opts.Log.Info("events of a server that has ended are delivered", "run", run, "events", len(ids))
	}
	o.undelivered.Add(int64(len(ids)))
	for _, id := range ids {
		o.admit(run, id)
	}
	return nil
}

// decide settles what is pending of a run that has ended.
func (o *Outbox) decide(ctx context.Context, name string, living map[string]bool) error {
	store, key := o.opts.Store, "pending/"+name
	r, err := get(ctx, store, key)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && living[r.Run]:
		return nil
	case errors.Is(err, errBroken):
		o.opts.Log.Error("a record in the outbox cannot be read; it is kept as a dead letter", "record", key, "error", err)
		return store.Move(ctx, key, "dead/"+name, r.Event)
	case err != nil:
		return err
	}
	done, err := r.Check.done(o.opts.Token)
	if err != nil {
		return err
	}
	if !done {
		return store.Remove(ctx, key)
	}
	data, err := json.Marshal(r)
	if err == nil {
		err = store.Move(ctx, key, "ready/"+o.run+"/"+r.ID, data)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another one was quicker
	}
	if err == nil {
		o.opts.Count(r.Type, Recorded)
		o.undelivered.Add(1)
		o.admit(o.run, r.ID)
	}
	return err
}

// leave gives up what this process owns when it ends.
func (o *Outbox) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	o.catchUp()
	o.mu.Lock()
	left := map[string]int{}
	for run, a := range o.runs {
		left[run] = a.left
	}
	late := len(o.late)
	o.mu.Unlock()
	for run, events := range left {
		switch {
		case run == o.run && late > 0: // what is late may be anywhere
		case events == 0:
			_ = o.finish(ctx, run)
		default:
			if err := o.opts.Store.Move(ctx, lease(run, o.run), lease(run, free), []byte("0")); err != nil {
				o.opts.Log.Warn("events that are left are delivered by another pod after a while", "run", run, "events", events, "error", err)
			}
		}
	}
}
