package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"syscall"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// Codes of S3 that mean something to us. See
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. The last ones are
// of Ceph and MinIO.
var codes = map[string]error{
	"NoSuchKey":                      fs.ErrNotExist,
	"NotFound":                       fs.ErrNotExist, // of HEAD, which has no body
	"AccessDenied":                   fs.ErrPermission,
	"EntityTooLarge":                 syscall.EFBIG,
	"KeyTooLongError":                syscall.ENAMETOOLONG,
	"PreconditionFailed":             errChanged,
	"ConditionalRequestConflict":     errChanged,
	"NoSuchUpload":                   errNoUpload,
	"QuotaExceeded":                  syscall.EDQUOT,
	"XMinioStorageFull":              syscall.ENOSPC,
	"XMinioAdminBucketQuotaExceeded": syscall.EDQUOT,
}

var (
	// errChanged means that somebody else has written the object meanwhile.
	errChanged = errors.New("the object has changed meanwhile")
	// errNoUpload means that an upload was completed, or given up.
	errNoUpload = errors.New("there is no such upload")
)

// A callError is that of a request, as an error of the system.
type callError struct {
	call string
	code string // of S3, or a word for what else went wrong
	is   error  // nil: nobody foresaw it
	err  error
}

func (e *callError) Error() string {
	if e.code == "" {
		return fmt.Sprintf("%s: %v", e.call, e.err)
	}
	return fmt.Sprintf("%s: %s", e.call, e.code)
}

func (e *callError) Unwrap() []error {
	if e.is == nil {
		return []error{e.err}
	}
	return []error{e.is, e.err}
}

// wrap makes the error of a call one of the system.
func wrap(call string, err error) error {
	if err == nil {
		return nil
	}
	e := &callError{call: call, err: err}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		e.code, e.is = api.ErrorCode(), codes[api.ErrorCode()]
	}
	if status := statusOf(err); e.is == nil {
		switch status {
		case http.StatusNotFound:
			if e.code == "NoSuchBucket" {
				break
			}
			e.is = fs.ErrNotExist
		case http.StatusForbidden:
			if e.code == "Forbidden" || e.code == "" {
				e.is = fs.ErrPermission
			}
		case http.StatusPreconditionFailed:
			e.is = errChanged
		case http.StatusInsufficientStorage:
			e.is = syscall.ENOSPC
		}
	}
	return e
}

func statusOf(err error) int {
	if r, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return r.HTTPStatusCode()
	}
	return 0
}

// result is a word for the end of a request, for metrics.
func result(err error) string {
	if err == nil {
		return "ok"
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if errors.Is(err, context.Canceled) {
		return "canceled"
	}
	return "failed"
}

// unknownCondition reports whether the store refused a request since it knows no
// conditions.
func unknownCondition(err error) bool { return statusOf(err) == http.StatusNotImplemented }

// named is the error of an operation on a name of the caller's.
func named(op, name string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// reserved is the error of an operation on a name that the server keeps for itself.
func reserved(name string, makes bool) error {
	switch {
	case !storage.Reserved(name):
		return nil
	case makes:
		return fs.ErrPermission
	}
	return fs.ErrNotExist
}
