package events

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Hidden is the folder with the outboxes of all servers that share a volume or bucket. Its name
// is reserved (storage.Reserved).
const Hidden = ".upload.outbox"

const (
	// MaxUndelivered is how many events a pod has at most that are not delivered.
	// Then what would be one more is refused.
	MaxUndelivered = 100_000
	// MaxDead is how many events are kept that the receiver will never take.
	MaxDead = 10_000

	// defaultBeat is how often a lease is renewed, and staleAfter how many beats it lasts.
	defaultBeat = 10 * time.Second
	staleAfter  = 4
	// storeTime is how long one step in the store may take.
	storeTime = 2 * time.Minute
	// couriers deliver at the same time.
	couriers = 8
)

// ErrFull means that too many events are not delivered.
var ErrFull = errors.New("too many events wait for their receiver")

// Options are what an [Outbox] is opened with.
type Options struct {
	Store Store
	// Token returns the identity of the file at a location, below the top of the storage; "" if
	// there is none. See storage.ID.
	Token func(location string) (string, error)
	// Server and Namespace are those of the FileServer.
	Server, Namespace string
	Log               *slog.Logger
	// Max is how many events may be undelivered; default MaxUndelivered.
	Max int
	// Full is the error of what cannot be recorded for want of room; default ErrFull.
	Full error
	// Count counts an event that was recorded (Recorded), or what became of it.
	Count func(kind string, o Outcome)
	// Tried is told of each delivery that was tried: a word for its result, and how long it took.
	Tried func(result string, took time.Duration)

	beat time.Duration // defaultBeat, unless a test has changed it
	wait time.Duration // firstWait, alike
}

// Outcome is what becomes of an event.
type Outcome string

// Outcomes.
const (
	Recorded  Outcome = "recorded"
	Delivered Outcome = "delivered"
	Dead      Outcome = "dead"
	// Refused is that of what was not done, as it could not be recorded.
	Refused Outcome = "refused"
)

// An Outbox records events and delivers them.
type Outbox struct {
	opts  Options
	run   string
	seq   atomic.Uint64
	sink  sink
	queue *queue
	pace  pace

	leased      atomic.Bool // there is a lease of this run
	undelivered atomic.Int64
	dead        atomic.Int64

	mu     sync.Mutex
	filter config.Events
	late   []late               // what has to be done in the store yet
	runs   map[string]*adopted  // that this one owns, itself among them
	seen   map[string]*sighting // leases of others
	beats  uint64
}

// Open returns an outbox. It does nothing before [Outbox.Run] is called.
func Open(o Options) *Outbox {
	o.Max, o.beat, o.wait = cmp.Or(o.Max, MaxUndelivered), cmp.Or(o.beat, defaultBeat), cmp.Or(o.wait, firstWait)
	if o.Full == nil {
		o.Full = ErrFull
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Count == nil {
		o.Count = func(string, Outcome) {}
	}
	if o.Tried == nil {
		o.Tried = func(string, time.Duration) {}
	}
	run := make([]byte, 6)
	_, _ = rand.Read(run) // never fails
	b := &Outbox{opts: o, run: hex.EncodeToString(run), queue: newQueue(), seen: map[string]*sighting{}}
	b.pace.unit = o.wait
	b.runs = map[string]*adopted{b.run: {}}
	return b
}

// Use puts a configuration in force: which events are recorded from now on, and where all go.
func (o *Outbox) Use(c config.Events) {
	o.mu.Lock()
	o.filter = c
	o.mu.Unlock()
	o.sink.use(c)
	o.pace.restart()
	o.queue.hasten()
}

// wants says whether something is told of a path. What was renamed counts for both names.
func (o *Outbox) wants(kind string, d Data) bool {
	o.mu.Lock()
	c := o.filter
	o.mu.Unlock()
	return c.Wants(names[kind]) && (matches(c.Paths, d.Path) || d.OldPath != "" && matches(c.Paths, d.OldPath))
}

var names = map[string]config.EventType{
	UploadCompleted: config.EventUploadCompleted, FileRenamed: config.EventFileRenamed, FileDeleted: config.EventFileDeleted,
}

// room returns an error if an event cannot be recorded that is to be.
func (o *Outbox) room(kind string, d Data) error {
	if o.undelivered.Load() >= int64(o.opts.Max) && o.wants(kind, d) {
		o.opts.Count(kind, Refused)
		return o.opts.Full
	}
	return nil
}

// A record is what the outbox has of an event.
type record struct {
	ID    string          `json:"id"`
	Run   string          `json:"run"`
	Type  string          `json:"type"`
	Check check           `json:"check"`
	Event json.RawMessage `json:"event"`
}

// Do records an event, does what it tells of, and has the event delivered. If the event cannot be
// recorded nothing is done, and if nothing is done there is no event.
func (o *Outbox) Do(kind string, d Data, c check, do func() error) error {
	if !o.wants(kind, d) {
		return do()
	}
	if o.undelivered.Add(1) > int64(o.opts.Max) {
		o.undelivered.Add(-1)
		o.opts.Count(kind, Refused)
		return o.opts.Full
	}
	d.Server, d.Namespace = o.opts.Server, o.opts.Namespace
	now := time.Now()
	id := fmt.Sprintf("%012x-%s-%06x", now.UnixMilli(), o.run, o.seq.Add(1))
	event, err := encode(id, kind, now, d)
	var data []byte
	if err == nil {
		data, err = json.Marshal(record{id, o.run, kind, c, event})
	}
	key := "pending/" + c.key(id)
	if err == nil {
		err = o.store(func(ctx context.Context) error {
			if err := o.begin(ctx); err != nil {
				return err
			}
			return o.opts.Store.Put(ctx, key, data)
		})
	}
	if err != nil {
		o.undelivered.Add(-1)
		o.opts.Count(kind, Refused)
		return unrecorded{err}
	}
	if err := do(); err != nil {
		o.undelivered.Add(-1)
		if o.store(func(ctx context.Context) error { return o.opts.Store.Remove(ctx, key) }) != nil {
			o.postpone(late{key: key, id: id})
		}
		return err
	}
	o.opts.Count(kind, Recorded)
	l := late{key: key, id: id, data: data, ready: true}
	if o.store(l.in(o)) != nil {
		o.postpone(l) // it is recorded, and known to be pending
		return nil
	}
	o.admit(o.run, id)
	return nil
}

// unrecorded is why an event could not be recorded. What is wrong with the outbox says nothing of
// the file that a client named: so it is no error of the system, unless there is no space.
type unrecorded struct{ err error }

func (e unrecorded) Error() string { return "recording the event: " + e.err.Error() }

// Is is for [errors.Is].
func (e unrecorded) Is(target error) bool {
	return (target == syscall.ENOSPC || target == syscall.EDQUOT) && errors.Is(e.err, target)
}

// store does a step in the store, which has so much time.
func (o *Outbox) store(step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	return step(ctx)
}

// admit has an event delivered that is ready, and counted already.
func (o *Outbox) admit(run, id string) {
	o.mu.Lock()
	if a := o.runs[run]; a != nil {
		a.left++
	}
	o.mu.Unlock()
	o.queue.put(&item{run: run, id: id, due: time.Now()})
}

// settle has an event counted no more.
func (o *Outbox) settle(i *item) {
	o.undelivered.Add(-1)
	o.mu.Lock()
	defer o.mu.Unlock()
	if a := o.runs[i.run]; a != nil {
		a.left--
	}
}

func get(ctx context.Context, s Store, key string) (r record, err error) {
	data, err := s.Get(ctx, key)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil || r.ID == "" {
		return record{Event: data}, fmt.Errorf("%w: %w", errBroken, err)
	}
	return r, nil
}

// errBroken is that of a record that something else than this package has written.
var errBroken = errors.New("it is no record")

// State tells how the delivery goes.
func (o *Outbox) State() config.EventsState {
	return config.EventsState{
		Undelivered: int(o.undelivered.Load()), Dead: int(o.dead.Load()), Failing: o.pace.failing(),
		Full: o.undelivered.Load() >= int64(o.opts.Max),
	}
}
