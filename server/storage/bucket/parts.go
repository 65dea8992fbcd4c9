package bucket

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"sync"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// partsAtOnce is how many parts of one upload are sent side by side.
const partsAtOnce = 4

// A condition says what must be under the name when an object is written; the zero one
// is none.
type condition struct {
	absent bool   // nothing
	etag   string // the object with it
}

func (c condition) ifNoneMatch() *string {
	if c.absent {
		return aws.String("*")
	}
	return nil
}

func (c condition) ifMatch() *string { return optional(c.etag) }

// parts takes the bytes of a file in order, and makes an object of them. It is used by
// one goroutine.
type parts struct {
	bucket *Bucket
	key    string
	layout layout
	begin  func(id string) error    // is told of a multipart upload before its first part is sent
	meta   func() map[string]string // of the object; asked once, when the object or the upload begins

	id   string // of the multipart upload, or "" while there is none
	next int64  // where the next byte goes
	buf  []byte // the bytes before next that are in no part yet
	held bool   // buf is of the budget

	assembly *assembly // takes the bytes in the place of buf; nil while there is none

	group  sync.WaitGroup
	slots  chan struct{}
	mu     sync.Mutex
	done   map[int]types.CompletedPart
	failed error // of a part
}

func newParts(b *Bucket, key string, l layout) *parts {
	return &parts{bucket: b, key: key, layout: l, slots: make(chan struct{}, partsAtOnce), done: map[int]types.CompletedPart{}}
}

// write takes the next bytes. It waits while there is no room for them.
func (w *parts) write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if err := w.failure(); err != nil {
			return n, err
		}
		if w.next >= w.layout.end() {
			return n, syscall.EFBIG
		}
		more, err := w.writeSome(p)
		n, p = n+more, p[more:]
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// writeSome takes bytes up to the end of a part at most.
func (w *parts) writeSome(p []byte) (n int, err error) {
	if a := w.current(); a != nil {
		if n, err = a.write(p[:min(int64(len(p)), a.end-w.next)]); err != nil {
			return n, err
		}
		return n, w.assembledTo(int64(n))
	}
	size := int(w.layout[0].size)
	if err := w.grow(len(p)); err != nil {
		return 0, err
	}
	n = min(len(p), cap(w.buf)-len(w.buf), size-len(w.buf))
	w.buf = append(w.buf, p[:n]...)
	w.next += int64(n)
	if len(w.buf) == size {
		err = w.send()
	}
	return n, err
}

// grow makes room for some of the bytes that come.
func (w *parts) grow(more int) error {
	switch need := len(w.buf) + more; {
	case w.held || need <= cap(w.buf):
	case need <= small:
		w.buf = append(make([]byte, 0, min(max(need, 2*cap(w.buf)), small)), w.buf...)
	default:
		buf, err := w.bucket.budget.take(context.Background())
		if err != nil {
			return err
		}
		if size := w.layout[0].size; int64(cap(buf)) < size { // of an upload that began with other parts
			buf = make([]byte, 0, size)
		}
		w.buf, w.held = append(buf, w.buf...), true
	}
	return nil
}

// drop gives the buffer back.
func (w *parts) drop() {
	if w.held {
		w.bucket.budget.give(w.buf)
	}
	w.buf, w.held = nil, false
	if w.assembly != nil {
		w.assembly.giveUp()
		w.assembly = nil
	}
}

// kept is where the bytes end that are in parts: what follows is in the buffer, or in a part that
// is being assembled.
func (w *parts) kept() int64 {
	if w.assembly != nil {
		return w.layout.start(w.assembly.number)
	}
	return w.next - int64(len(w.buf))
}

// start begins the multipart upload, if it has not begun.
func (w *parts) start() error {
	if w.id != "" {
		return nil
	}
	ctx, cancel := withTime()
	defer cancel()
	out, err := w.bucket.api.CreateMultipartUpload(ctx, w.bucket.newUpload(w.key, w.meta()))
	if err != nil {
		return wrap("CreateMultipartUpload", err)
	}
	w.id = aws.ToString(out.UploadId)
	if w.begin != nil {
		return w.begin(w.id)
	}
	return nil
}

// send sends the buffer as a part, while the next one fills.
func (w *parts) send() error {
	if err := w.start(); err != nil {
		return err
	}
	buf, held := w.buf, w.held
	number, _, _ := w.layout.at(w.next - int64(len(buf)))
	w.buf, w.held = nil, false
	w.run(number, func(ctx context.Context) (types.CompletedPart, error) {
		if held {
			defer w.bucket.budget.give(buf)
		}
		n := aws.Int32(int32(number))
		out, err := w.bucket.api.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: w.bucket.name(), Key: &w.key, UploadId: &w.id, PartNumber: n, Body: bytes.NewReader(buf),
		})
		if err != nil {
			return types.CompletedPart{}, wrap("UploadPart", err)
		}
		return types.CompletedPart{PartNumber: n, ETag: out.ETag}, nil
	})
	return nil
}

// run has a part made on a goroutine of its own, when there are not too many.
func (w *parts) run(number int, f func(ctx context.Context) (types.CompletedPart, error)) {
	w.slots <- struct{}{}
	w.group.Go(func() {
		defer func() { <-w.slots }()
		part, err := f(context.Background())
		w.mu.Lock()
		defer w.mu.Unlock()
		if err == nil {
			w.done[number] = part
		} else if w.failed == nil {
			w.failed = err
		}
	})
}

func (w *parts) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// wait waits for the parts that are sent, and returns the first failure.
func (w *parts) wait() error {
	w.group.Wait()
	return w.failure()
}

// publish makes the object, and leaves the buffer as it is if that fails.
func (w *parts) publish(c condition) error {
	if w.id == "" {
		return w.put(c)
	}
	if w.assembly != nil {
		if err := w.close(); err != nil {
			return err
		}
	}
	if len(w.buf) > 0 {
		if err := w.send(); err != nil {
			return err
		}
	}
	if err := w.wait(); err != nil {
		return err
	}
	list := make([]types.CompletedPart, 0, len(w.done))
	for n := 1; n <= len(w.done); n++ {
		list = append(list, w.done[n])
	}
	return w.bucket.complete(context.Background(), w.key, w.id, list, c, w.meta()[metaUpload])
}

// put makes the object of the buffer, with one request.
func (w *parts) put(c condition) error {
	in := &s3.PutObjectInput{
		Bucket: w.bucket.name(), Key: &w.key, Body: bytes.NewReader(w.buf), Metadata: maps.Clone(w.meta()),
		IfNoneMatch: c.ifNoneMatch(), IfMatch: c.ifMatch(),
		ServerSideEncryption: w.bucket.encryption(), SSEKMSKeyId: w.bucket.kmsKey(), StorageClass: w.bucket.storageClass(),
	}
	ctx := context.Background()
	if w.bucket.unconditional.Load() {
		in.IfMatch, in.IfNoneMatch = nil, nil
	}
	_, err := w.bucket.api.PutObject(ctx, in)
	if err != nil && c != (condition{}) && unknownCondition(err) {
		w.bucket.unconditional.Store(true)
		in.IfMatch, in.IfNoneMatch, in.Body = nil, nil, bytes.NewReader(w.buf)
		_, err = w.bucket.api.PutObject(ctx, in)
	}
	err = wrap("PutObject", err)
	if errors.Is(err, errChanged) && w.bucket.isOurs(ctx, w.key, w.meta()[metaUpload]) {
		return nil // an attempt of which no answer came had succeeded
	}
	return err
}

// complete makes an object of the parts of an upload. mark is what the metadata of the object says
// of it.
func (b *Bucket) complete(ctx context.Context, key, id string, list []types.CompletedPart, c condition, mark string) error {
	in := &s3.CompleteMultipartUploadInput{
		Bucket: b.name(), Key: &key, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: list},
		IfNoneMatch: c.ifNoneMatch(), IfMatch: c.ifMatch(),
	}
	if b.unconditional.Load() {
		in.IfMatch, in.IfNoneMatch = nil, nil
	}
	_, err := b.api.CompleteMultipartUpload(ctx, in)
	if err != nil && c != (condition{}) && unknownCondition(err) {
		b.unconditional.Store(true)
		in.IfMatch, in.IfNoneMatch = nil, nil
		_, err = b.api.CompleteMultipartUpload(ctx, in)
	}
	err = wrap("CompleteMultipartUpload", err)
	if (errors.Is(err, errNoUpload) || errors.Is(err, errChanged)) && b.isOurs(ctx, key, mark) {
		return nil // an attempt of which no answer came had succeeded
	}
	return err
}

// isOurs reports whether the object with a key is that of an upload.
func (b *Bucket) isOurs(ctx context.Context, key, mark string) bool {
	if mark == "" {
		return false
	}
	o, err := b.head(ctx, key)
	return err == nil && o.meta[metaUpload] == mark
}

// giveUp removes what was sent.
func (w *parts) giveUp() {
	w.drop()
	_ = w.wait()
	if w.id != "" {
		w.bucket.abort(w.key, w.id)
		w.id = ""
	}
}
