package bucket

import (
	"errors"
	"io"
	"io/fs"
)

// Read reads what the file had, as long as nothing was written.
func (u *upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	at := u.pos
	u.mu.Unlock()
	n, err := u.ReadAt(p, at)
	u.mu.Lock()
	u.pos += int64(n)
	u.mu.Unlock()
	return n, err
}

// ReadAt is Read at a place.
func (u *upload) ReadAt(p []byte, at int64) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.closed:
		return 0, fs.ErrClosed
	case !u.reads:
		return 0, named("read", u.place.name, fs.ErrPermission)
	case u.parts != nil || u.resumed != nil:
		return 0, named("read", u.place.name, errors.ErrUnsupported)
	case u.base == nil || at >= u.rest:
		return 0, io.EOF
	}
	d := u.tree.bucket.download(&object{key: u.base.key, etag: u.base.etag, size: u.rest}, u.base.fileInfo(u.place.name))
	defer d.Close()
	return d.ReadAt(p, at)
}
