package bucket

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// ahead is how many bytes of a file may come before those that they follow, as the requests
// of some SFTP clients do.
const ahead = 2 << 20

// An upload is a file that is open for writing. What is written goes to parts, in order, from
// where the first write begins. Before that come the bytes that the file had, and
// after it those of them that nobody has cut off.
type upload struct {
	tree      *tree
	place     place
	exclusive bool // nothing may be replaced
	appends   bool // writes go to the end
	reads     bool // what the file had may be read
	cuts      bool // the file ends where the last write did

	mu       sync.Mutex
	mark     string           // metaUpload
	base     *object          // what the file had, nil if nothing of it is wanted
	rest     int64            // how much of base is still wanted
	resumed  *record          // an upload that was cut and goes on, until parts has it
	parts    *parts           // nil before the first write
	early    map[int64][]byte // what has come before its time, by offset
	waiting  int              // bytes in early
	added    []byte           // what was appended, while that is little
	saved    *record          // that there is
	times    bool             // modified was set
	modified time.Time
	pos      int64
	failed   error // the first
	closed   bool
	gone     bool // its session has removed it
	replaced bool // nothing of what the file had is wanted
}

var _ storage.File = (*upload)(nil)

// Target returns the name that the file will have.
func (u *upload) Target() string { return u.place.name }

// ID is the identity that the object will have.
func (u *upload) ID() storage.ID { return uploadID(u.mark) }

// Stat describes the file as it will be if it is closed now.
func (u *upload) Stat() (fs.FileInfo, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	o := object{key: u.place.key, size: u.size(), modified: time.Now(), meta: map[string]string{metaUpload: u.mark}}
	i := o.fileInfo(u.place.name)
	if u.times {
		i.time = u.modified
	}
	if u.base != nil {
		return i, nil
	}
	return storage.AsIncomplete(i), nil
}

// size is that of the file. The caller holds the lock, as for all that follows here.
func (u *upload) size() int64 {
	switch {
	case u.parts != nil && u.cuts:
		return u.parts.next
	case u.parts != nil:
		return max(u.parts.next, u.rest)
	case u.resumed != nil:
		return u.resumed.size + int64(len(u.added))
	}
	return u.rest + int64(len(u.added))
}

func (u *upload) Seek(at int64, whence int) (int64, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	pos, err := seek(u.pos, u.size(), at, whence)
	if err == nil {
		u.pos = pos
	}
	return pos, err
}

func (u *upload) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n, err := u.write(p, u.pos)
	u.pos += int64(n)
	return n, err
}

func (u *upload) WriteAt(p []byte, at int64) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.write(p, at)
}

// write takes bytes for a place, and remembers the first failure.
func (u *upload) write(p []byte, at int64) (n int, err error) {
	switch {
	case u.closed:
		return 0, fs.ErrClosed
	case u.failed != nil:
		return 0, u.failed
	case at < 0 && !u.appends:
		return 0, fs.ErrInvalid
	case len(p) == 0:
		return 0, nil
	}
	if u.appends {
		n, err = u.add(p)
	} else if n, err = u.put(p, at); err == nil {
		err = u.catchUp()
	}
	if err != nil {
		u.failed = named("write", u.place.name, err)
		return n, u.failed
	}
	return n, nil
}

// put puts bytes where they belong, or aside.
func (u *upload) put(p []byte, at int64) (int, error) {
	end := u.size()
	if u.parts != nil {
		end = u.parts.next
	}
	switch {
	case at > end:
		return u.putAside(p, at)
	case u.parts == nil:
		if err := u.start(at); err != nil {
			return 0, err
		}
	case at < end:
		return u.overwrite(p, at)
	}
	return u.parts.write(p)
}

// putAside keeps bytes until those before them have come.
func (u *upload) putAside(p []byte, at int64) (int, error) {
	if u.waiting+len(p) > ahead {
		return 0, errors.ErrUnsupported
	}
	if u.early == nil {
		u.early = map[int64][]byte{}
	}
	u.waiting += len(p) - len(u.early[at])
	u.early[at] = append([]byte(nil), p...)
	return len(p), nil
}

// catchUp writes what was put aside, as far as it follows.
func (u *upload) catchUp() error {
	for u.parts != nil && len(u.early) > 0 {
		p, ok := u.early[u.parts.next]
		if !ok {
			return nil
		}
		delete(u.early, u.parts.next)
		u.waiting -= len(p)
		if _, err := u.parts.write(p); err != nil {
			return err
		}
	}
	return nil
}

// overwrite replaces bytes that are in no part yet.
func (u *upload) overwrite(p []byte, at int64) (int, error) {
	w := u.parts
	first := w.next - int64(len(w.buf))
	if at < first {
		return 0, errors.ErrUnsupported
	}
	n := copy(w.buf[at-first:], p)
	more, err := w.write(p[n:])
	return n + more, err
}

// add appends. As long as that is little it is kept until the file is closed: if somebody
// else has appended meanwhile, it goes behind that.
func (u *upload) add(p []byte) (int, error) {
	if u.parts == nil && len(u.added)+len(p) <= small {
		u.added = append(u.added, p...)
		return len(p), nil
	}
	if u.parts == nil {
		if err := u.startWith(u.added); err != nil {
			return 0, err
		}
		u.added = nil
	}
	return u.parts.write(p)
}

// startWith begins the parts with what the file had, and then those bytes.
func (u *upload) startWith(p []byte) error {
	end := u.rest
	if u.resumed != nil {
		end = u.resumed.size
	}
	if err := u.start(end); err != nil {
		return err
	}
	_, err := u.parts.write(p)
	return err
}

// Truncate takes away all, or what the file had behind a place, or nothing.
func (u *upload) Truncate(size int64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.closed:
		return fs.ErrClosed
	case u.failed != nil:
		return u.failed
	case size == u.size() && len(u.early) == 0:
		return nil
	case size == 0:
		u.empty()
		return nil
	case u.parts == nil && u.resumed == nil && size >= 0 && size < u.rest:
		u.rest = size
		return nil
	case u.parts != nil && size == u.parts.next:
		u.rest = 0
		return nil
	}
	u.failed = named("truncate", u.place.name, errors.ErrUnsupported)
	return u.failed
}

// empty begins anew.
func (u *upload) empty() {
	if u.parts != nil {
		u.parts.giveUp()
	}
	u.parts, u.base, u.rest, u.early, u.waiting, u.added = nil, nil, 0, nil, 0, nil
	if u.resumed != nil {
		u.saved, u.resumed = u.resumed, nil
		if u.saved.id != "" {
			u.tree.bucket.abort(u.saved.target, u.saved.id)
		}
	}
	u.replaced = true
}

// Sync implements [storage.File]. What is not closed is nowhere.
func (u *upload) Sync() error { return nil }

// Chmod implements what [storage.File] says of files.
func (u *upload) Chmod(mode fs.FileMode) error {
	if mode.Perm() == fileMode {
		return nil
	}
	return named("chmod", u.place.name, errors.ErrUnsupported)
}

// Chtimes sets the time that the file will have.
func (u *upload) Chtimes(_, modified time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !modified.IsZero() {
		u.times, u.modified = true, modified
	}
	return nil
}
