package server

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/events"
	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/sftp"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
	"github.com/fileserver-dev/fileserver-operator/server/storage/bucket"
	"github.com/fileserver-dev/fileserver-operator/server/users"
)

// openOutbox opens where events are recorded: with the files.
func openOutbox(c *config.Events, opts Options, root string, b *bucketState, reg prometheus.Registerer) *events.Outbox {
	name := c.Namespace + "." + c.Server
	o := events.Options{
		Store: events.OpenFolder(root, name), Token: fileTokens(root, b),
		Server: c.Server, Namespace: c.Namespace, Log: opts.Logger, Full: outboxFull{events.ErrFull}, Max: opts.maxEvents,
	}
	if b != nil {
		o.Store = notes{b.Notes(events.Hidden + "/" + name)}
	}
	o.Count, o.Tried = countEvents(reg)
	outbox := events.Open(o)
	registerOutbox(reg, outbox)
	return outbox
}

// notes is where events are recorded in a bucket.
type notes struct{ *bucket.Notes }

// List implements [events.Store].
func (n notes) List(ctx context.Context, folder string) iter.Seq2[events.Entry, error] {
	return func(yield func(events.Entry, error) bool) {
		for note, err := range n.Notes.List(ctx, folder) {
			if !yield(events.Entry(note), err) {
				return
			}
		}
	}
}

// fileTokens tells which file is at a location.
func fileTokens(root string, b *bucketState) func(location string) (string, error) {
	return func(location string) (string, error) {
		var tree storage.FS
		if b != nil {
			tree = b.Tree(".", storage.Uploads{})
		} else {
			local, err := storage.OpenLocal(root, ".")
			if err != nil {
				return "", err
			}
			tree = local
		}
		defer tree.Close()
		place, err := tree.Resolve(location, false)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), err == nil && !place.Exists():
			return "", nil
		case err != nil:
			return "", err
		}
		return place.ID().Token(), nil
	}
}

// source is what the events of a session have in common.
func (t trees) source(user *users.User, trail *audit.Session) *events.Source {
	if t.outbox == nil {
		return nil
	}
	s := &events.Source{Outbox: t.outbox, User: user.Name(), Home: user.Home()}
	s.Protocol, s.Session, s.Address = trail.Identify()
	return s
}

// outboxFull is why something is not done that could not be told.
type outboxFull struct{ error }

// fullText is for clients.
const fullText = "Too many events wait for their receiver, try again later"

func (e outboxFull) Unwrap() []error { return []error{e.error, syscall.ENOSPC} } // also for the audit trail

// As lets each protocol give its own reply.
func (e outboxFull) As(target any) bool {
	switch target := target.(type) {
	case **ftp.Error:
		*target = &ftp.Error{Code: 452, Text: fullText}
	case **sftp.Error:
		*target = &sftp.Error{Status: sftp.StatusFailure, Text: fullText}
	default:
		return false
	}
	return true
}

// countEvents counts events and deliveries.
func countEvents(reg prometheus.Registerer) (count func(string, events.Outcome), tried func(string, time.Duration)) {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "fileserver", Name: "events_total", Help: "Events, by what has become of them.",
	}, []string{"type", "outcome"})
	deliveries := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "fileserver", Name: "event_delivery_duration_seconds", Help: "How long the receiver took for each event that was sent to it.",
		Buckets: prometheus.ExponentialBuckets(0.005, 4, 7), // 5 ms to 20 s
	}, []string{"result"})
	reg.MustRegister(total, deliveries)
	return func(kind string, o events.Outcome) { total.WithLabelValues(kind, string(o)).Inc() },
		func(result string, took time.Duration) { deliveries.WithLabelValues(result).Observe(took.Seconds()) }
}

// registerOutbox publishes what waits.
func registerOutbox(reg prometheus.Registerer, o *events.Outbox) {
	gauge := func(name, help string, value func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "fileserver", Name: name, Help: help}, value))
	}
	gauge("events_undelivered", "Events of this pod that the receiver has not taken yet.", func() float64 { return float64(o.State().Undelivered) })
	gauge("events_dead_letters", "Events of all pods that the receiver will never take.", func() float64 { return float64(o.State().Dead) })
	gauge("events_failing", "1 while the receiver takes nothing.", func() float64 {
		if o.State().Failing == "" {
			return 0
		}
		return 1
	})
}
