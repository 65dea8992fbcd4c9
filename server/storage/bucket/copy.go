package bucket

import (
	"context"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

const (
	// copyPart is how much one request copies: a store that says nothing while it copies
	// must not be taken for one that is gone.
	copyPart = 256 << 20
	// copiesAtOnce is how many such requests of one file run side by side.
	copiesAtOnce = 8
)

// copyTo copies an object within the bucket, as it was when it was found. meta is put in the place of
// its metadata; nil leaves it as it is.
func (b *Bucket) copyTo(ctx context.Context, o *object, key string, meta map[string]string) error {
	if o.size > copyPart {
		return b.copyParts(ctx, o, key, meta)
	}
	in := &s3.CopyObjectInput{
		Bucket: b.name(), Key: &key, CopySource: b.copySource(o.key), CopySourceIfMatch: optional(o.etag),
		ServerSideEncryption: b.encryption(), SSEKMSKeyId: b.kmsKey(), StorageClass: b.storageClass(),
	}
	if meta != nil {
		in.MetadataDirective, in.Metadata = types.MetadataDirectiveReplace, meta
		if h := o.head; h != nil {
			in.ContentType, in.ContentEncoding, in.ContentLanguage = h.ContentType, h.ContentEncoding, h.ContentLanguage
			in.ContentDisposition, in.CacheControl = h.ContentDisposition, h.CacheControl
		}
	}
	_, err := b.api.CopyObject(ctx, in)
	return wrap("CopyObject", err)
}

// copyParts copies an object part by part.
func (b *Bucket) copyParts(ctx context.Context, o *object, key string, meta map[string]string) (err error) {
	if meta == nil {
		meta = o.meta
	}
	in := b.newUpload(key, meta)
	if h := o.head; h != nil {
		in.ContentType, in.ContentEncoding, in.ContentLanguage = h.ContentType, h.ContentEncoding, h.ContentLanguage
		in.ContentDisposition, in.CacheControl = h.ContentDisposition, h.CacheControl
	}
	begun, err := b.api.CreateMultipartUpload(ctx, in)
	if err != nil {
		return wrap("CreateMultipartUpload", err)
	}
	id := aws.ToString(begun.UploadId)
	defer func() {
		if err != nil {
			b.abort(key, id)
		}
	}()
	size := int64(max(copyPart, (o.size+maxParts-1)/maxParts))
	parts := make([]types.CompletedPart, (o.size+size-1)/size)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(copiesAtOnce)
	for i := range parts {
		group.Go(func() (err error) {
			from := int64(i) * size
			parts[i], err = b.copyRange(ctx, o, key, id, i+1, from, min(from+size, o.size))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return b.complete(context.WithoutCancel(ctx), key, id, parts, condition{}, "")
}

// copyRange makes the bytes of an object from one place up to another a part of an upload.
func (b *Bucket) copyRange(ctx context.Context, o *object, key, id string, number int, from, to int64) (types.CompletedPart, error) {
	n := aws.Int32(int32(number))
	api := b.api
	if to-from > copyPart {
		api = b.copies
	}
	out, err := api.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
		Bucket: b.name(), Key: &key, UploadId: &id, PartNumber: n,
		CopySource: b.copySource(o.key), CopySourceIfMatch: optional(o.etag),
		CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", from, to-1)),
	})
	if err != nil {
		return types.CompletedPart{}, wrap("UploadPartCopy", err)
	}
	part := types.CompletedPart{PartNumber: n}
	if out.CopyPartResult != nil {
		part.ETag = out.CopyPartResult.ETag
	}
	return part, nil
}

// newUpload is the request that begins an upload.
func (b *Bucket) newUpload(key string, meta map[string]string) *s3.CreateMultipartUploadInput {
	return &s3.CreateMultipartUploadInput{
		Bucket: b.name(), Key: &key, Metadata: maps.Clone(meta),
		ServerSideEncryption: b.encryption(), SSEKMSKeyId: b.kmsKey(), StorageClass: b.storageClass(),
	}
}

// abort gives up an upload. If that fails, it is cleaned up in its time.
func (b *Bucket) abort(key, id string) {
	ctx, cancel := withTime()
	defer cancel()
	_, _ = b.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: b.name(), Key: &key, UploadId: &id})
}
