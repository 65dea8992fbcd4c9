package bucket

import (
	"context"
	"crypto/rand"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// assembled is where parts are put together, below the bucket's prefix.
const assembled = recordPrefix + "parts/"

// An assembly is a part that is larger than what is held in memory. Its bytes make an object of
// its own, which the store then copies into the part.
type assembly struct {
	*parts
	number int   // of the part
	end    int64 // of the part, in the file
}

func (w *parts) assemble(number int, end int64) *assembly {
	first := w.layout[0].size
	a := &assembly{newParts(w.bucket, w.bucket.prefix+assembled+rand.Text(), layout{{maxParts, first}}), number, end}
	mark := map[string]string{metaUpload: rand.Text()}
	a.meta = func() map[string]string { return mark }
	return a
}

// current returns the assembly that the next byte belongs to; nil if that is in a part that is
// held in memory.
func (w *parts) current() *assembly {
	if w.assembly != nil {
		return w.assembly
	}
	number, start, size := w.layout.at(w.next)
	if size > w.layout[0].size {
		w.assembly = w.assemble(number, start+size)
	}
	return w.assembly
}

// assembledTo goes on behind n bytes that an assembly has taken, and makes a part of it when it is
// complete.
func (w *parts) assembledTo(n int64) error {
	w.next += n
	if w.next < w.assembly.end {
		return w.failure()
	}
	return w.close()
}

// close makes a part of the assembly, while what follows comes.
func (w *parts) close() error {
	a := w.assembly
	w.assembly = nil
	w.run(a.number, func(ctx context.Context) (types.CompletedPart, error) {
		if err := a.publish(condition{}); err != nil {
			a.giveUp()
			return types.CompletedPart{}, err
		}
		a.drop()
		defer func() { _ = w.bucket.remove(ctx, a.key) }() // else it is cleaned up in its time
		return w.bucket.copyRange(ctx, &object{key: a.key}, w.key, w.id, a.number, 0, a.next)
	})
	return w.failure()
}
