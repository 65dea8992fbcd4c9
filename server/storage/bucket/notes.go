package bucket

import (
	"bytes"
	"context"
	"io/fs"
	"iter"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Notes are small objects in a folder of the bucket that no client sees.
type Notes struct {
	bucket *Bucket
	prefix string
}

// A Note is the name of one, and a text that changes when it is written.
type Note struct{ Name, Version string }

// Notes returns those in a folder below the prefix of the bucket, whose name is to be one that is reserved.
func (b *Bucket) Notes(folder string) *Notes { return &Notes{b, b.prefix + folder + "/"} }

// Put writes a note.
func (n *Notes) Put(ctx context.Context, key string, data []byte) error {
	b := n.bucket
	name := n.prefix + key
	_, err := b.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: b.name(), Key: &name, Body: bytes.NewReader(data),
		ServerSideEncryption: b.encryption(), SSEKMSKeyId: b.kmsKey(),
	})
	return wrap("PutObject", err)
}

// maxNote is more than any note has.
const maxNote = 256 << 10

// Get reads a note; fs.ErrNotExist if there is none.
func (n *Notes) Get(ctx context.Context, key string) ([]byte, error) {
	o, err := n.bucket.head(ctx, n.prefix+key)
	if err != nil {
		return nil, err
	}
	if o.size > maxNote {
		return nil, fs.ErrInvalid
	}
	return n.bucket.read(ctx, o, 0, o.size)
}

// Move gives a note another key, with that content. There are two steps to it, the removal last.
func (n *Notes) Move(ctx context.Context, from, to string, data []byte) error {
	if err := n.Put(ctx, to, data); err != nil {
		return err
	}
	return n.Remove(ctx, from)
}

// Remove removes a note, if it exists.
func (n *Notes) Remove(ctx context.Context, key string) error {
	return n.bucket.remove(ctx, n.prefix+key)
}

// Touch writes a number.
func (n *Notes) Touch(ctx context.Context, key string, number uint64) error {
	return n.Put(ctx, key, strconv.AppendUint(nil, number, 10))
}

// List yields the notes in a folder.
func (n *Notes) List(ctx context.Context, folder string) iter.Seq2[Note, error] {
	return func(yield func(Note, error) bool) {
		prefix := n.prefix + folder + "/"
		for e, err := range n.bucket.entries(prefix, "/") {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Note{}, err)
				return
			}
			if !e.folder && !yield(Note{strings.TrimPrefix(e.key, prefix), e.etag}, nil) {
				return
			}
		}
	}
}

// Prune does nothing: a folder is there as long as something is in it.
func (n *Notes) Prune(context.Context, string) {}
