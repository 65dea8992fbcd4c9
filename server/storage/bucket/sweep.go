package bucket

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Sweep gives up all uploads below the prefix that were cut longer than keep ago, whoever
// began them: also those of which no record tells. It ends when ctx does.
func (b *Bucket) Sweep(ctx context.Context, keep time.Duration) error {
	if keep <= 0 {
		return nil
	}
	for e, err := range b.entries(b.prefix+recordPrefix, "") {
		if err != nil || ctx.Err() != nil {
			return err
		}
		key := strings.TrimPrefix(e.key, b.prefix)
		if time.Since(e.modified) >= keep && strings.HasPrefix(key, assembled) {
			_ = b.remove(ctx, e.key) // the next sweep tries again
		}
		if time.Since(e.modified) < keep || !isRecord(key) {
			continue
		}
		o, err := b.head(ctx, e.key)
		if err != nil {
			continue // gone meanwhile, or the next sweep has it
		}
		r := recordOf(o)
		if r == nil {
			continue
		}
		if err := r.readParts(ctx, b); err != nil || time.Since(r.modified) >= keep {
			_ = r.discard(ctx, b)
		}
	}
	return b.sweepUploads(ctx, keep)
}

// records are the names of folders that hold records.
var records = regexp.MustCompile(`^\.upload\.[0-9a-f]{10}$`)

// isRecord reports whether a key, without the bucket's prefix, may be that of a record.
func isRecord(key string) bool {
	folder, _, below := strings.Cut(key, "/")
	return below && records.MatchString(folder)
}

// sweepUploads gives up multipart uploads of which the last part is that old.
func (b *Bucket) sweepUploads(ctx context.Context, keep time.Duration) error {
	in := &s3.ListMultipartUploadsInput{Bucket: b.name(), Prefix: optional(b.prefix), EncodingType: types.EncodingTypeUrl}
	for {
		out, err := b.api.ListMultipartUploads(ctx, in)
		if err != nil {
			return wrap("ListMultipartUploads", err)
		}
		for _, u := range out.Uploads {
			key, begun := decoded(aws.ToString(u.Key), out.EncodingType), aws.ToTime(u.Initiated)
			if time.Since(begun) < keep || !strings.HasPrefix(key, b.prefix) {
				continue
			}
			r := &record{target: key, id: aws.ToString(u.UploadId), modified: begun}
			if last, err := b.lastPart(ctx, r); err == nil && time.Since(latest(begun, last)) >= keep {
				b.abort(key, r.id)
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}

// lastPart is when the last part of an upload came.
func (b *Bucket) lastPart(ctx context.Context, r *record) (last time.Time, err error) {
	in := &s3.ListPartsInput{Bucket: b.name(), Key: &r.target, UploadId: &r.id}
	for {
		out, err := b.api.ListParts(ctx, in)
		if err != nil {
			return last, wrap("ListParts", err)
		}
		for _, p := range out.Parts {
			last = latest(last, aws.ToTime(p.LastModified))
		}
		if !aws.ToBool(out.IsTruncated) || aws.ToString(out.NextPartNumberMarker) == "" {
			return last, nil
		}
		in.PartNumberMarker = out.NextPartNumberMarker
	}
}
