package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// recordPrefix begins the keys of records, below the bucket's prefix. What follows is a
// tag of the user, a slash, and the key that the upload will have.
const recordPrefix = ".upload."

// Metadata of records.
const (
	metaID   = "upload-id"   // of the multipart upload, or missing
	metaPart = "part-size"   // of its parts
	metaAt   = "tail-offset" // where the content of the record begins in the file
	metaKey  = "upload-key"  // key of the upload, escaped
	metaMark = "upload-mark" // metaUpload of the object that it will be
)

// A record is an object that remembers an upload of one user that is not complete. Its content are the
// bytes of the file that fill no part. It is written when a multipart upload
// begins, so that the upload can go on if this process ends, and when an upload is cut.
type record struct {
	key      string // of the record
	target   string // key of the upload
	id       string
	part     int64
	at       int64
	tail     int64 // how many bytes of content
	mark     string
	modified time.Time
	size     int64        // how much of the file is there
	parts    []types.Part // in order, without a gap
}

// recordKey is where the upload to a place is remembered, or "" where the key would be too
// long in any case.
func (t *tree) recordKey(p place) string {
	b := t.bucket
	dir := b.prefix + recordPrefix + userTag(t.uploads.User) + "/"
	key := dir + strings.TrimPrefix(p.key, b.prefix)
	if len(key) > maxKey {
		sum := sha256.Sum256([]byte(p.key))
		key = dir + hex.EncodeToString(sum[:])
	}
	if len(key) > maxKey {
		return ""
	}
	return key
}

func userTag(user string) string {
	sum := sha256.Sum256([]byte(user))
	return hex.EncodeToString(sum[:5])
}

// record returns the record of an upload to a place, or nil if there is none that is of
// use.
func (t *tree) record(ctx context.Context, p place) (*record, error) {
	key := t.recordKey(p)
	if key == "" {
		return nil, nil
	}
	o, err := t.bucket.head(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := recordOf(o)
	if r == nil || r.target != p.key {
		return nil, nil
	}
	if err := r.readParts(ctx, t.bucket); err != nil {
		if errors.Is(err, errNoUpload) || errors.Is(err, fs.ErrNotExist) {
			return nil, nil // it was completed, or cleaned up
		}
		return nil, err
	}
	return r, nil
}

// recordOf returns what an object says, if it is a record.
func recordOf(o *object) *record {
	target, err := url.PathUnescape(o.meta[metaKey])
	part, err1 := strconv.ParseInt(o.meta[metaPart], 10, 64)
	at, err2 := strconv.ParseInt(o.meta[metaAt], 10, 64)
	if errors.Join(err, err1, err2) != nil || target == "" || part < MinPartSize || part > MaxPartSize || at < 0 {
		return nil
	}
	return &record{
		key: o.key, target: target, id: o.meta[metaID], part: part, at: at, tail: o.size,
		mark: o.meta[metaMark], modified: o.modified, size: o.size,
	}
}

// readParts asks which parts there are, and so how much of the file.
func (r *record) readParts(ctx context.Context, b *Bucket) error {
	if r.id == "" {
		return nil
	}
	in, l := &s3.ListPartsInput{Bucket: b.name(), Key: &r.target, UploadId: &r.id}, b.layout(r.part)
	for gap := false; ; {
		out, err := b.api.ListParts(ctx, in)
		if err != nil {
			return wrap("ListParts", err)
		}
		for _, p := range out.Parts {
			next := len(r.parts) + 1
			gap = gap || int(aws.ToInt32(p.PartNumber)) != next || aws.ToInt64(p.Size) != l.start(next+1)-l.start(next)
			if gap {
				break
			}
			r.parts = append(r.parts, p)
			r.modified = latest(r.modified, aws.ToTime(p.LastModified))
		}
		if gap || !aws.ToBool(out.IsTruncated) || aws.ToString(out.NextPartNumberMarker) == "" {
			break
		}
		in.PartNumberMarker = out.NextPartNumberMarker
	}
	r.size = r.kept(b)
	if r.size == r.at {
		r.size += r.tail
	}
	return nil
}

// kept is how much of the file is in parts.
func (r *record) kept(b *Bucket) int64 { return b.layout(r.part).start(len(r.parts) + 1) }

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (r *record) fileInfo(name string) *info {
	o := object{key: r.target, size: r.size, modified: r.modified, meta: map[string]string{metaUpload: r.mark}}
	return o.fileInfo(name)
}

// save writes the record, with the tail.
func (r *record) save(b *Bucket, tail []byte) error {
	ctx, cancel := withTime()
	defer cancel()
	meta := map[string]string{
		metaKey: escapePath(r.target), metaPart: strconv.FormatInt(r.part, 10),
		metaAt: strconv.FormatInt(r.at, 10), metaMark: r.mark,
	}
	if r.id != "" {
		meta[metaID] = r.id
	}
	_, err := b.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: b.name(), Key: &r.key, Body: bytes.NewReader(tail), Metadata: meta,
		ServerSideEncryption: b.encryption(), SSEKMSKeyId: b.kmsKey(),
	})
	return wrap("PutObject", err)
}

// readTail returns the content of the record, if it goes on where the parts end.
func (r *record) readTail(ctx context.Context, b *Bucket) ([]byte, error) {
	if r.tail == 0 || r.kept(b) != r.at {
		return nil, nil
	}
	return b.read(ctx, &object{key: r.key}, 0, r.tail)
}

// discard removes the record and what was sent.
func (r *record) discard(ctx context.Context, b *Bucket) error {
	if r.id != "" {
		b.abort(r.target, r.id)
	}
	return b.remove(ctx, r.key)
}

// read returns the bytes of an object from one place up to another.
func (b *Bucket) read(ctx context.Context, o *object, from, to int64) ([]byte, error) {
	if from >= to {
		return nil, nil
	}
	d := b.download(&object{key: o.key, etag: o.etag, size: to}, &info{})
	d.at, d.pos = from, from
	defer d.Close()
	p := make([]byte, to-from)
	_, err := io.ReadFull(d, p)
	return p, err
}
