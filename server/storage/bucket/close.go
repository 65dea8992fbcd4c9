package bucket

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// appendTries is how often an append begins anew when somebody else has appended
// meanwhile.
const appendTries = 20

// Close makes the file what was written, unless a write has failed.
func (u *upload) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return fs.ErrClosed
	}
	u.closed = true
	defer u.leave()
	switch {
	case u.gone:
		u.giveUp()
		return nil
	case u.failed == nil && len(u.early) > 0:
		u.failed = named("close", u.place.name, errHole)
	}
	if u.failed != nil {
		u.cut()
		return u.failed
	}
	err := u.give()
	if err != nil {
		u.cut()
		return named("close", u.place.name, err)
	}
	if u.parts != nil {
		u.parts.drop()
	}
	u.forget()
	return nil
}

// CloseWithError ends the upload before it is complete. What has come of it stays, to be
// continued; what would have changed a file that exists does not.
func (u *upload) CloseWithError(cause error) error {
	if cause == nil {
		return u.Close()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return fs.ErrClosed
	}
	u.closed = true
	defer u.leave()
	u.cut()
	return nil
}

// leave takes the upload out of what the session writes.
func (u *upload) leave() {
	t := u.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[u.place.key] == u {
		delete(t.open, u.place.key)
	}
}

// abandon has the upload come to nothing, while its session goes on writing it.
func (u *upload) abandon() {
	u.leave()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.gone = true
}

// give publishes the upload, and tells of it before, unless the file stays as it was.
func (u *upload) give() error {
	if u.parts == nil && len(u.added) == 0 && u.resumed == nil && u.base != nil && u.rest >= u.base.size {
		return u.publish()
	}
	c := storage.Completion{Name: u.place.name, Size: u.size(), ID: u.ID()}
	return u.tree.uploads.Give(c, u.publish)
}

// publish makes the object.
func (u *upload) publish() error {
	ctx := context.Background()
	if u.parts == nil && len(u.added) > 0 {
		if err := u.publishAppended(ctx); err != nil {
			return err
		}
		return u.afterwards(ctx, u.parts.id != "")
	}
	if u.parts == nil {
		switch {
		case u.resumed != nil:
			if err := u.start(u.resumed.size); err != nil {
				return err
			}
		case u.base == nil:
			if err := u.start(0); err != nil {
				return err
			}
		case u.rest < u.base.size:
			if err := u.copyAll(); err != nil {
				return err
			}
		case u.times:
			return u.tree.bucket.setTime(ctx, u.base, u.modified)
		default:
			return nil // as it was
		}
	}
	if !u.cuts && u.base != nil && u.parts.next < u.rest {
		if err := u.parts.take(u.base, u.parts.next, u.rest, true); err != nil {
			return err
		}
	}
	began := u.parts.id != ""
	err := u.parts.publish(u.condition())
	switch {
	case errors.Is(err, errChanged) && u.exclusive:
		return fs.ErrExist
	case errors.Is(err, errChanged):
		return syscall.EBUSY
	case err != nil:
		return err
	}
	return u.afterwards(ctx, began)
}

// afterwards sets the time of an object whose metadata was given when a multipart upload began,
// if the time is of later.
func (u *upload) afterwards(ctx context.Context, began bool) error {
	if !began || !u.times {
		return nil
	}
	o, err := u.tree.bucket.head(ctx, u.place.key)
	if err == nil {
		err = u.tree.bucket.setTime(ctx, o, u.modified)
	}
	return err
}

// copyAll takes what is wanted of the base.
func (u *upload) copyAll() error {
	u.parts = newParts(u.tree.bucket, u.place.key, u.tree.bucket.layout(u.tree.bucket.part))
	u.parts.meta = u.metadata
	return u.parts.take(u.base, 0, u.rest, true)
}

// condition is what must be under the name for the upload to get it.
func (u *upload) condition() condition {
	switch {
	case u.exclusive:
		return condition{absent: true}
	case u.base != nil:
		return condition{etag: u.base.etag}
	case u.appends && !u.replaced:
		return condition{absent: true}
	}
	return condition{}
}

// publishAppended appends the little that came, behind what others have appended
// meanwhile.
func (u *upload) publishAppended(ctx context.Context) error {
	again := u.resumed == nil
	for range appendTries {
		err := u.startWith(u.added)
		if err == nil {
			err = u.parts.publish(u.condition())
		}
		if !errors.Is(err, errChanged) {
			return err
		}
		if !again {
			break
		}
		time.Sleep(rand.N(50 * time.Millisecond)) //nolint:gosec // only so that those that append do not meet again
		u.parts.giveUp()
		o, err := u.tree.bucket.head(ctx, u.place.key)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		u.parts, u.base, u.rest = nil, nil, 0
		if err == nil {
			u.base, u.rest = o, o.size
		}
	}
	return syscall.EBUSY
}

// cut keeps what has come of an upload, for its user to go on with. Of a file that exists
// nothing is kept: it is as it was, and the client goes by that.
func (u *upload) cut() {
	w := u.parts
	u.early = nil
	if w == nil && len(u.added) > 0 && u.base == nil && u.resumed == nil && !u.gone {
		_ = u.startWith(u.added) // in memory
		w = u.parts
	}
	if w == nil {
		return // if an upload was to go on, it still can
	}
	key := u.tree.recordKey(u.place)
	if u.base != nil || u.gone || key == "" || w.next == 0 {
		u.giveUp()
		return
	}
	_ = w.wait() // a part that failed is missing, and the upload goes on there
	r := &record{key: key, target: u.place.key, id: w.id, part: w.layout[0].size, at: w.kept(), mark: u.mark}
	_ = r.save(u.tree.bucket, w.buf) // else it goes on where the last part ended
	w.drop()
}

// giveUp removes all that there is of the upload.
func (u *upload) giveUp() {
	if u.parts != nil {
		u.parts.giveUp()
	}
	u.forget()
}

// forget removes the record.
func (u *upload) forget() {
	if u.saved == nil {
		return
	}
	ctx, cancel := withTime()
	defer cancel()
	_ = u.tree.bucket.remove(ctx, u.saved.key) // without its upload it means nothing, and is cleaned up
	u.saved = nil
}

// setTime sets the time of modification of an object, as it was when it was found.
func (b *Bucket) setTime(ctx context.Context, o *object, modified time.Time) error {
	meta := maps.Clone(o.meta)
	meta[metaTime] = formatTime(modified)
	return b.copyTo(ctx, o, o.key, meta)
}
