package ftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// An Error is a reply: a three-digit code and a text, which may have several
// lines. A backend returns one to choose the reply itself; the code should be
// of the 400s or 500s. With code 421 the connection is closed after it.
type Error struct {
	Code int
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s", e.Code, e.Text) }

func errorf(code int, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// ErrQuota means that the user may not store as much (reply 552). A backend
// may also return syscall.EDQUOT.
var ErrQuota = errors.New("ftp: quota exceeded")

// Replies that several handlers give.
var (
	errSyntax       = &Error{501, "Syntax error in parameters or arguments"}
	errNoLogin      = &Error{530, "Please log in with USER and PASS"}
	errLoginFailed  = &Error{530, "Login incorrect"}
	errNoDataSource = &Error{425, "Use PASV, EPSV, PORT or EPRT first"}
	errNoParameter  = &Error{504, "Command not implemented for that parameter"}
	errBadName      = &Error{553, "File name not allowed"}
	errUnprotected  = &Error{521, "Data connections must be protected: use PROT P"} // RFC 4217 section 9
	errTransferring = &Error{503, "A transfer is in progress: only ABOR, STAT, NOOP and QUIT are possible"}
	errNotEnded     = &Error{450, "The transfer that was aborted still waits for the file system, try again later"}
	errInternal     = &Error{451, "Requested action aborted: internal error"}
	errStalled      = &Error{426, "Data connection stalled; transfer aborted"}
	errAborted      = &Error{426, "Transfer aborted"}
	errLost         = &Error{426, "Control connection lost; transfer aborted"}
	errPortWait     = &Error{425, "No passive port is free, try again later"}
	errNoConnection = &Error{425, "No data connection was made"}
	errNotPossible  = &Error{550, "Not possible with this name"}
)

// replyTo is the one place where errors become replies. known is false for an
// error that nobody foresaw, which the caller logs; its text stays off the
// wire, because it may hold a path of the host.
func replyTo(err error) (reply *Error, known bool) { return replyFor(err, false) }

// replyFor is replyTo. Content is whether err is of a transfer, or of other work on what
// files contain, which says nothing about a name unless the error itself has one.
func replyFor(err error, content bool) (reply *Error, known bool) {
	var ending *conns.Ending
	var data *move.ConnError // of the data connection, and not of the file
	switch {
	case errors.As(err, &reply):
		return reply, true
	case errors.As(err, &ending):
		return &Error{421, ending.Text}, true
	case errors.Is(err, ErrLoginFailed):
		return errLoginFailed, true
	case errors.As(err, &data):
		return &Error{426, "Data connection closed; transfer aborted"}, true
	}
	for _, m := range errorReplies {
		if errors.Is(err, m.is) && (m.reply != errBadName || ofName(err, !content)) {
			return m.reply, true
		}
	}
	// Package os itself refuses names without a number: one that leads out of an os.Root,
	// for example. Any client can have as many of these as it likes, and asks again where
	// a reply promises that it helps.
	var number syscall.Errno
	if ofName(err, false) && !errors.As(err, &number) && !errors.Is(err, fs.ErrClosed) {
		return errNotPossible, true
	}
	return &Error{451, "Requested action aborted: local error in processing"}, false
}

// ofName reports whether err is of an operation on a name, and not on what a file
// contains; unless it tells, otherwise is the answer.
func ofName(err error, otherwise bool) bool {
	if _, ok := errors.AsType[*os.SyscallError](err); ok {
		return false // sendfile and the like
	}
	if _, ok := errors.AsType[*os.LinkError](err); ok {
		return true
	}
	name, ok := errors.AsType[*fs.PathError](err)
	if !ok {
		return otherwise
	}
	switch name.Op {
	case "read", "write", "seek", "truncate", "sync", "close", "copy_file_range":
		return false
	}
	return true
}

// errorReplies is searched in order: numbers of Unix come before the classes
// of io/fs that some of them belong to.
var errorReplies = []struct {
	is    error
	reply *Error
}{
	{passive.ErrExhausted, errPortWait},
	{passive.ErrExpired, errNoConnection},
	{ErrQuota, &Error{552, "Quota exceeded"}},
	{syscall.EDQUOT, &Error{552, "Quota exceeded"}},
	{syscall.EFBIG, &Error{552, "File too large"}},
	{syscall.ENOSPC, &Error{452, "Insufficient storage space"}},
	{syscall.ENOTEMPTY, &Error{550, "Directory not empty"}},
	{syscall.ENOTDIR, &Error{550, "Not a directory"}},
	{syscall.EISDIR, &Error{550, "Is a directory"}},
	{syscall.EROFS, &Error{550, "Read-only file system"}},
	{syscall.EXDEV, &Error{550, "Cannot move to another file system"}},
	{syscall.ELOOP, &Error{550, "Too many levels of symbolic links"}},
	{syscall.ENAMETOOLONG, errBadName},
	{syscall.EINVAL, errBadName},
	{syscall.EILSEQ, errBadName},
	// What RETR and STOR meet in pipes, sockets and devices.
	{syscall.ENXIO, errNotPossible},
	{syscall.ENODEV, errNotPossible},
	{syscall.ESPIPE, errNotPossible},
	{syscall.EOVERFLOW, errNotPossible},
	{syscall.EMLINK, &Error{550, "Too many links"}},
	{syscall.EBUSY, &Error{450, "File busy"}},
	{syscall.ETXTBSY, &Error{450, "File busy"}},
	{fs.ErrNotExist, &Error{550, "No such file or directory"}},
	{fs.ErrExist, &Error{550, "File exists"}},
	{fs.ErrPermission, &Error{550, "Permission denied"}},
	{fs.ErrInvalid, errBadName},
	{errors.ErrUnsupported, &Error{502, "Not supported by this file system"}},
	{context.Canceled, errAborted},
	{net.ErrClosed, errAborted},
	{context.DeadlineExceeded, &Error{451, "Requested action timed out"}},
}
