package events

import (
	"context"
	"errors"
	"io/fs"
)

// late is a step that has failed, and is tried again.
type late struct {
	key, id string
	data    []byte
	ready   bool // else it is removed
}

func (l late) in(o *Outbox) func(context.Context) error {
	return func(ctx context.Context) error {
		s := o.opts.Store
		if !l.ready {
			r, err := get(ctx, s, l.key)
			if errors.Is(err, fs.ErrNotExist) || err == nil && r.ID != l.id {
				return nil // it is another one's now
			}
			return errors.Join(err, s.Remove(ctx, l.key))
		}
		to := "ready/" + o.run + "/" + l.id
		err := s.Move(ctx, l.key, to, l.data)
		if errors.Is(err, fs.ErrNotExist) { // somebody took this run for dead
			err = s.Put(ctx, to, l.data)
		}
		return err
	}
}

func (o *Outbox) postpone(l late) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.late = append(o.late, l)
}

// catchUp tries again what has failed.
func (o *Outbox) catchUp() {
	o.mu.Lock()
	open := o.late
	o.late = nil
	o.mu.Unlock()
	for _, l := range open {
		switch {
		case o.store(l.in(o)) != nil:
			o.postpone(l)
		case l.ready:
			o.admit(o.run, l.id)
		}
	}
}
