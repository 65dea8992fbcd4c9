package bucket

import (
	"context"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// take makes bytes of an object the next ones: whole parts are copied within the store, and what is less comes
// by way of this process. last says that nothing follows them.
func (w *parts) take(o *object, from, to int64, last bool) error {
	for from < to {
		number, start, size := w.layout.at(w.next)
		n := min(to-from, start+size-w.next)
		whole := w.next == start && (n == size || last && w.id != "") && len(w.buf) == 0 && w.assembly == nil
		var err error
		if whole {
			err = w.copy(o, number, from, from+n)
		} else if a := w.current(); a == nil {
			err = w.readIn(o, from, from+n)
		} else if err = a.take(o, from, from+n, false); err == nil {
			err = w.assembledTo(n)
		}
		if err != nil {
			return err
		}
		from += n
	}
	return nil
}

// copy makes bytes of an object a part.
func (w *parts) copy(o *object, number int, from, to int64) error {
	if err := w.start(); err != nil {
		return err
	}
	w.next += to - from
	w.run(number, func(ctx context.Context) (types.CompletedPart, error) {
		return w.bucket.copyRange(ctx, o, w.key, w.id, number, from, to)
	})
	return w.failure()
}

// readIn takes bytes of an object by way of this process.
func (w *parts) readIn(o *object, from, to int64) error {
	d := w.bucket.download(&object{key: o.key, etag: o.etag, size: to}, &info{})
	d.at, d.pos = from, from
	defer d.Close()
	p := make([]byte, min(to-from, 64<<10))
	for from < to {
		n, err := io.ReadFull(d, p[:min(int64(len(p)), to-from)])
		if err != nil {
			return err
		}
		if _, err := w.write(p[:n]); err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}
