package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

const (
	// window is how far apart reads may be that come in another order than that of the
	// file, as the requests of an SFTP client do, without another request to the bucket.
	window = 1 << 20
	// reopens is how often a download goes on after the store has cut it, without a byte
	// between.
	reopens = 5
)

// A download is an object that is open for reading, as it was when it was opened: if somebody
// replaces it, reading fails. One request brings all that is read in order.
type download struct {
	bucket *Bucket
	object *object
	info   *info

	mu     sync.Mutex
	pos    int64 // of Read
	body   io.ReadCloser
	at     int64  // where body goes on
	recent []byte // the bytes before at, for ReadAt
	closed bool
	ending context.CancelFunc // ends body

	ctx   context.Context    // until it is closed
	leave context.CancelFunc // ends it
}

var _ storage.File = (*download)(nil)

// download opens an object for reading. No request is made before the first read.
func (b *Bucket) download(o *object, i *info) *download {
	ctx, leave := context.WithCancel(context.Background())
	return &download{bucket: b, object: o, info: i, ctx: ctx, leave: leave}
}

func (d *download) Stat() (fs.FileInfo, error) { return d.info, nil }

func (d *download) Write([]byte) (int, error)          { return 0, d.denied("write") }
func (d *download) WriteAt([]byte, int64) (int, error) { return 0, d.denied("write") }
func (d *download) Truncate(int64) error               { return d.denied("truncate") }
func (d *download) Sync() error                        { return nil }

func (d *download) denied(op string) error { return named(op, d.info.name, fs.ErrPermission) }

// ID is the identity of the file.
func (d *download) ID() storage.ID { return d.info.id }

func (d *download) Seek(at int64, whence int) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	pos, err := seek(d.pos, d.object.size, at, whence)
	if err == nil {
		d.pos = pos
	}
	return pos, err
}

// seek returns the new position in a file of a size.
func seek(pos, size, at int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		at += pos
	case io.SeekEnd:
		at += size
	}
	if at < 0 {
		return 0, fs.ErrInvalid
	}
	return at, nil
}

func (d *download) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.readable(p, d.pos); err != nil || len(p) == 0 {
		return 0, err
	}
	if d.at != d.pos || d.body == nil {
		d.end()
		d.at, d.recent = d.pos, nil
	}
	n, err := d.next(p)
	d.pos += int64(n)
	return n, err
}

// readable says why nothing can be read from a place.
func (d *download) readable(p []byte, at int64) error {
	switch {
	case d.closed:
		return fs.ErrClosed
	case at < 0:
		return fs.ErrInvalid
	case at >= d.object.size && len(p) > 0:
		return io.EOF
	}
	return nil
}

func (d *download) ReadAt(p []byte, at int64) (n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n < len(p) && err == nil {
		var more int
		more, err = d.readAt(p[n:min(len(p), n+window/2)], at+int64(n))
		n += more
	}
	return n, err
}

func (d *download) readAt(p []byte, at int64) (n int, err error) {
	if err := d.readable(p, at); err != nil {
		return 0, err
	}
	if at+int64(len(p)) > d.object.size {
		p, err = p[:d.object.size-at], io.EOF
	}
	start := d.at - int64(len(d.recent))
	if at < start || at > d.at+window || d.body == nil && len(d.recent) == 0 {
		d.end()
		d.at, d.recent = at, d.recent[:0]
		if at < window {
			d.at = 0 // the first read that comes is not always that of the beginning
		}
	}
	if failed := d.fill(at + int64(len(p))); failed != nil {
		return 0, failed
	}
	start = d.at - int64(len(d.recent))
	return copy(p, d.recent[at-start:]), err
}

// fill reads up to a place, and keeps what it reads.
func (d *download) fill(to int64) error {
	for d.at < to {
		if len(d.recent) > 2*window {
			d.recent = d.recent[:copy(d.recent, d.recent[len(d.recent)-window:])]
		}
		want := int(min(to-d.at, window))
		have := len(d.recent)
		if cap(d.recent)-have < want {
			d.recent = append(make([]byte, 0, max(2*cap(d.recent), have+want)), d.recent...)
		}
		n, err := d.next(d.recent[have : have+want])
		d.recent = d.recent[:have+n]
		if err != nil {
			return err
		}
	}
	return nil
}

// next reads from where the body is. Where it was cut, it is asked for again from there.
func (d *download) next(p []byte) (int, error) {
	var failed error
	for try := range reopens {
		if d.body == nil {
			if failed = d.open(); failed != nil {
				return 0, failed // that was tried several times
			}
		}
		n, err := d.body.Read(p)
		d.at += int64(n)
		if err != nil {
			d.end()
		}
		if n > 0 {
			return n, nil
		}
		if err != nil {
			failed = wrap("GetObject", err)
			select {
			case <-time.After(time.Duration(try) * 100 * time.Millisecond):
			case <-d.ctx.Done(): // it was closed meanwhile
				return 0, named("read", d.info.name, fs.ErrClosed)
			}
		}
	}
	if errors.Is(failed, io.EOF) { // before the size that was told
		failed = wrap("GetObject", io.ErrUnexpectedEOF)
	}
	return 0, named("read", d.info.name, failed)
}

// open asks for all from where the body is to be.
func (d *download) open() error {
	ctx, cancel := context.WithCancel(d.ctx)
	out, err := d.bucket.api.GetObject(ctx, &s3.GetObjectInput{
		Bucket: d.bucket.name(), Key: &d.object.key, IfMatch: optional(d.object.etag),
		Range: aws.String(fmt.Sprintf("bytes=%d-", d.at)),
	})
	if err != nil {
		cancel()
		return named("read", d.info.name, wrap("GetObject", err))
	}
	d.body, d.ending = out.Body, cancel
	return nil
}

// end closes the body.
func (d *download) end() {
	if d.body != nil {
		d.ending()
		d.body.Close()
		d.body = nil
	}
}

// Close ends a read that waits for the store, too.
func (d *download) Close() error {
	d.leave()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return fs.ErrClosed
	}
	d.closed = true
	d.end()
	d.recent = nil
	return nil
}
