package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"syscall"
)

// A Status is the code of an SSH_FXP_STATUS reply (draft-ietf-secsh-filexfer-02
// section 7).
type Status uint32

// Codes of replies.
const (
	StatusOK               Status = 0
	StatusEOF              Status = 1
	StatusNoSuchFile       Status = 2
	StatusPermissionDenied Status = 3
	StatusFailure          Status = 4
	StatusBadMessage       Status = 5
	StatusUnsupported      Status = 8
)

// An Error is a status with a text that the client may see.
type Error struct {
	Status Status
	Text   string
}

func (e *Error) Error() string { return e.Text }

// Errorf returns an *Error.
func Errorf(status Status, format string, args ...any) *Error {
	return &Error{status, fmt.Sprintf(format, args...)}
}

// ErrQuota means that the user's space is used up.
var ErrQuota = errors.New("sftp: quota exceeded")

var (
	errBadMessage = &Error{StatusBadMessage, "Malformed request"}
	errHandle     = &Error{StatusFailure, "No such handle"}
	errNotFile    = &Error{StatusFailure, "Handle is not of a file"}
	errNotDir     = &Error{StatusFailure, "Handle is not of a directory"}
	errNotWrite   = &Error{StatusPermissionDenied, "File is not open for writing"}
	errNotRead    = &Error{StatusPermissionDenied, "File is not open for reading"}
	errName       = &Error{StatusFailure, "Name is not valid"}
	errOwner      = &Error{StatusPermissionDenied, "Owners cannot be changed"}
	errUnknown    = &Error{StatusFailure, "Failure"}
)

// errorReplies are the errors that clients are told about, most special first.
// Texts are ours, since those of the system may hold paths of the host.
var errorReplies = []struct {
	err   error
	reply *Error
}{
	{io.EOF, &Error{StatusEOF, "End of file"}},
	{ErrQuota, &Error{StatusFailure, "Quota exceeded"}},
	{syscall.EDQUOT, &Error{StatusFailure, "Quota exceeded"}},
	{syscall.ENOSPC, &Error{StatusFailure, "No space left"}},
	{syscall.EFBIG, &Error{StatusFailure, "File too large"}},
	{syscall.ENOTEMPTY, &Error{StatusFailure, "Directory not empty"}},
	{syscall.ENOTDIR, &Error{StatusNoSuchFile, "Not a directory"}},
	{syscall.EISDIR, &Error{StatusFailure, "Is a directory"}},
	{syscall.ELOOP, &Error{StatusFailure, "Too many symbolic links"}},
	{syscall.ENAMETOOLONG, &Error{StatusFailure, "Name too long"}},
	{syscall.EXDEV, &Error{StatusFailure, "Files are on different volumes"}},
	{syscall.EROFS, &Error{StatusPermissionDenied, "Read-only file system"}},
	{syscall.EMLINK, &Error{StatusFailure, "Too many links"}},
	{syscall.EBUSY, &Error{StatusFailure, "File is busy"}},
	{syscall.EMFILE, &Error{StatusFailure, "Too many open files, try again later"}},
	{syscall.ENFILE, &Error{StatusFailure, "Too many open files, try again later"}},
	{syscall.EINVAL, &Error{StatusFailure, "Not possible"}},
	{errors.ErrUnsupported, &Error{StatusUnsupported, "Not supported"}},
	{fs.ErrNotExist, &Error{StatusNoSuchFile, "No such file"}},
	{fs.ErrExist, &Error{StatusFailure, "File already exists"}},
	{fs.ErrPermission, &Error{StatusPermissionDenied, "Permission denied"}},
	{fs.ErrInvalid, &Error{StatusFailure, "Not possible"}},
	{context.Canceled, &Error{StatusFailure, "Cancelled"}},
	{context.DeadlineExceeded, &Error{StatusFailure, "Timed out"}},
}

// reply returns what the client is told about an error. One that is not known
// is logged, and the client learns no more than that there was one.
func reply(err error, log *slog.Logger) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	for _, r := range errorReplies {
		if errors.Is(err, r.err) {
			return r.reply
		}
	}
	log.Error("a request failed", "error", err)
	return errUnknown
}
