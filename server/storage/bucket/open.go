package bucket

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// OpenFile implements [storage.FS]. A file that is written is hidden until it is closed,
// whatever the flags.
func (t *tree) OpenFile(name string, flag int, _ fs.FileMode) (storage.File, error) {
	f, err := t.openFile(name, flag)
	if err != nil {
		return nil, named("open", name, err)
	}
	return f, nil
}

func (t *tree) openFile(name string, flag int) (storage.File, error) {
	const writes = os.O_WRONLY | os.O_RDWR | os.O_CREATE | os.O_TRUNC | os.O_APPEND
	p, err := t.at(name, flag&os.O_CREATE != 0)
	if err != nil {
		return nil, err
	}
	if t.writing(p) != nil {
		if flag&os.O_EXCL != 0 {
			return nil, fs.ErrExist
		}
		return nil, syscall.EBUSY
	}
	ctx, cancel := withTime()
	defer cancel()
	o, folder, err := t.find(ctx, p)
	switch {
	case err != nil:
		return nil, err
	case folder != nil || p.folder && flag&os.O_CREATE != 0:
		return nil, syscall.EISDIR
	case p.folder:
		return nil, t.missing(ctx, p)
	case flag&writes != 0:
		return t.openUpload(ctx, p, o, flag)
	case o == nil:
		return nil, fs.ErrNotExist
	}
	return t.bucket.download(o, o.fileInfo(p.name)), nil
}

// openUpload opens a file for writing, given the object that is there, or nil.
func (t *tree) openUpload(ctx context.Context, p place, o *object, flag int) (storage.File, error) {
	create, replaces := flag&os.O_CREATE != 0, flag&storage.Upload != 0
	exclusive := flag&os.O_EXCL != 0
	if o != nil && exclusive {
		return nil, fs.ErrExist
	}
	anew := flag&os.O_TRUNC != 0 || exclusive && flag&storage.Hide == 0 || create && replaces
	u := &upload{
		tree: t, place: p, mark: rand.Text(), exclusive: exclusive, appends: flag&os.O_APPEND != 0,
		reads: flag&os.O_RDWR != 0, cuts: replaces && !create,
	}
	if !anew && (o == nil || u.cuts) {
		r, err := t.record(ctx, p)
		if err != nil {
			return nil, err
		}
		// What was cut before the object was made is of no use any more. The time of an
		// object is known to the second.
		if r != nil && (o == nil || r.modified.Truncate(time.Second).After(o.modified)) {
			u.resumed, u.mark = r, r.mark
		}
	}
	switch {
	case u.resumed != nil:
	case o == nil && !create:
		return nil, fs.ErrNotExist
	case o != nil && !anew:
		u.base, u.rest = o, o.size
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[p.key] != nil {
		return nil, syscall.EBUSY
	}
	t.open[p.key] = u
	return u, nil
}

var errHole = errors.New("something is missing in the middle of the file")
