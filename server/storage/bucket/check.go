package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// A Fault is what a bucket cannot be used for, or not at all.
type Fault struct {
	// Call is the request that failed, such as PutObject.
	Call string
	// Code is S3's word for the reason, or a short text if no answer came.
	Code string
	// Refused is true if the store does not allow the request, or there is nothing to
	// sign it with.
	Refused bool
}

func (f *Fault) Error() string { return fmt.Sprintf("%s: %s", f.Call, f.Code) }

// Check makes each kind of request that the server needs, with an object of its own
// among the records, and returns the first that fails; nil if none does.
func (b *Bucket) Check(ctx context.Context, pod string) *Fault {
	key := b.prefix + recordPrefix + "check/" + pod
	copied := key + ".copy"
	var upload *string
	steps := []struct {
		call string
		make func() error
	}{
		{"ListObjectsV2", func() error {
			_, err := b.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b.name(), Prefix: &b.prefix, MaxKeys: aws.Int32(1)})
			return err
		}},
		{"PutObject", func() error {
			_, err := b.api.PutObject(ctx, &s3.PutObjectInput{
				Bucket: b.name(), Key: &key, Body: bytes.NewReader([]byte("check")),
				ServerSideEncryption: b.encryption(), SSEKMSKeyId: b.kmsKey(), StorageClass: b.storageClass(),
			})
			return err
		}},
		{"GetObject", func() error {
			out, err := b.api.GetObject(ctx, &s3.GetObjectInput{Bucket: b.name(), Key: &key})
			if err == nil {
				err = out.Body.Close()
			}
			return err
		}},
		{"CopyObject", func() error {
			_, err := b.api.CopyObject(ctx, &s3.CopyObjectInput{
				Bucket: b.name(), Key: &copied, CopySource: b.copySource(key), StorageClass: b.storageClass(),
				ServerSideEncryption: b.encryption(), SSEKMSKeyId: b.kmsKey(),
			})
			return err
		}},
		{"CreateMultipartUpload", func() error {
			out, err := b.api.CreateMultipartUpload(ctx, b.newUpload(copied, nil))
			if err == nil {
				upload = out.UploadId
			}
			return err
		}},
		{"ListParts", func() error {
			_, err := b.api.ListParts(ctx, &s3.ListPartsInput{Bucket: b.name(), Key: &copied, UploadId: upload})
			return err
		}},
		{"AbortMultipartUpload", func() error {
			_, err := b.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: b.name(), Key: &copied, UploadId: upload})
			return err
		}},
		{"ListMultipartUploads", func() error {
			_, err := b.api.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: b.name(), Prefix: &key, MaxUploads: aws.Int32(1)})
			return err
		}},
		{"DeleteObject", func() error {
			return errors.Join(b.remove(ctx, copied), b.remove(ctx, key))
		}},
	}
	for _, s := range steps {
		if err := s.make(); err != nil {
			status := statusOf(err)
			refused := status == http.StatusForbidden || status == http.StatusUnauthorized || errors.Is(err, errNoCredentials)
			return &Fault{Call: s.call, Code: reason(err), Refused: refused}
		}
	}
	return nil
}

// reason is why a request failed, in a few words that hold no secret.
func reason(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() != "" {
		return api.ErrorCode()
	}
	switch {
	case errors.Is(err, errNoCredentials):
		return "NoCredentials"
	case errors.Is(err, fs.ErrPermission):
		return "AccessDenied"
	}
	text := err.Error()
	if inner := innermost(err); inner != nil {
		text = inner.Error()
	}
	return text[:min(len(text), 200)]
}

func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
