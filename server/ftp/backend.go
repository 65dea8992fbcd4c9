package ftp

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"time"
)

// A Backend decides who may log in. It is called from many goroutines.
//
// A Backend may also implement:
//
//	// Return a session that has the interfaces which those of users have, for
//	// clients that ask with FEAT before the login. None of its methods is called,
//	// so it may be a nil pointer. Without it, such clients are told what every
//	// session can do.
//	SampleSession() Session
type Backend interface {
	// Login checks a password and returns the session of the user. It should
	// take as long for an unknown user as for a wrong password. It may ask
	// c for the client's address, the listener, the host and the state of
	// TLS. ctx ends when the client disconnects.
	//
	// ErrLoginFailed is the error for wrong credentials; an *Error is sent as
	// it is, code 421 closing the connection; any other error is logged and
	// answered 451.
	Login(ctx context.Context, c *Conn, user, password string) (Session, error)
}

// sampleBackend is what a Backend may also implement.
type sampleBackend interface{ SampleSession() Session }

// ErrLoginFailed means that the user does not exist, the password is wrong, or
// the user may not log in here: the client is not told which.
var ErrLoginFailed = errors.New("ftp: login failed")

// A Session is what one logged-in client may do. Names are absolute, cleaned
// and slash-separated ("/" is the user's top), and never contain NUL, CR or LF.
//
// Methods are called by one goroutine at a time; files are used while other
// methods run. The context of a call is cancelled when the client disconnects
// or aborts the transfer that the call belongs to.
//
// Errors become replies by what errors.Is and errors.As find in them:
// fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, ErrQuota,
// errors.ErrUnsupported and the error numbers of Unix. The text of an error is
// never sent, except that of an *Error.
//
// FEAT and HELP promise what a session implements. It may also implement Uploader,
// LimitedSession, EndingSession, and:
//
//	// Change a mode (SITE CHMOD, UNIX.mode of MFF), the time of the last change (MFMT,
//	// MDTM with a time, SITE UTIME, MFF), or that of creation (MFCT, MFF).
//	Chmod(ctx context.Context, name string, mode fs.FileMode) error
//	SetModTime(ctx context.Context, name string, t time.Time) error
//	SetCreateTime(ctx context.Context, name string, t time.Time) error
//
//	// Make a symbolic link (SITE SYMLINK). target is as the client gave it.
//	Symlink(ctx context.Context, target, name string) error
//
//	// Describe a symbolic link itself, for RNFR of one whose target does not exist.
//	Lstat(ctx context.Context, name string) (fs.FileInfo, error)
//
//	// Tell how many bytes may still be stored under a name (AVBL).
//	Available(ctx context.Context, name string) (int64, error)
//
//	// Tell the perm fact of MLST (RFC 3659 section 7.5.5), in place of what Perm makes of
//	// the mode. Without any letter, the fact is left out.
//	Perm(name string, info fs.FileInfo) string
type Session interface {
	// Stat describes a file or directory, following symbolic links.
	Stat(ctx context.Context, name string) (fs.FileInfo, error)
	// List returns the entries of a directory in any order, without "." and
	// "..". If name is no directory, it yields an error. Entries need not be
	// in memory at once.
	//
	// An entry may also have the methods Owner() string and Group() string, for
	// LIST and the facts of MLST, and, if it is a symbolic link (its mode has
	// fs.ModeSymlink), LinkTarget() string.
	List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error]
	// OpenFile opens a file with the flags of package os:
	//
	//	RETR, HASH       O_RDONLY
	//	STOR             O_WRONLY|O_CREATE, and without O_CREATE after REST
	//	APPE             O_WRONLY|O_CREATE|O_APPEND
	//	STOU             O_WRONLY|O_CREATE|O_EXCL
	//	COMB             as STOU or, if there is a file, as APPE
	//
	// The server seeks to the offset itself. It truncates the file that STOR
	// replaces when the data connection is there, and not before.
	OpenFile(ctx context.Context, name string, flag int) (File, error)

	// Mkdir creates a directory.
	Mkdir(ctx context.Context, name string) error
	// Remove removes a file or symbolic link, not a directory (DELE).
	Remove(ctx context.Context, name string) error
	// RemoveDir removes an empty directory (RMD).
	RemoveDir(ctx context.Context, name string) error
	// Rename moves a file or directory, replacing a file at newName.
	Rename(ctx context.Context, oldName, newName string) error

	// Close ends the session: the client has disconnected, or will log in
	// again.
	Close() error
}

// A File is an open file. If it is an *os.File, or says which one it stands
// for with OSFile, plain downloads use sendfile.
//
// An upload is complete when Close is called and has succeeded. All that is not
// (the client or one of its connections is gone, it aborts, a write fails) ends
// with CloseWithError, if the file has that.
//
// A File may also implement:
//
//	CloseWithError(err error) error  // called in place of Close when an upload is not complete
//	OSFile() *os.File                // the file to transfer from or to
//	Checksum(algorithm string) []byte // of the whole file, by its name in HASH, if it is stored; else nil
//	Allowed() error                  // asked while bytes of OSFile are moved
type File interface {
	io.Reader
	io.Writer
	io.Seeker
	io.Closer
	// Truncate sets the size of a file that is open for writing.
	Truncate(size int64) error
}

// Uploader opens files for STOR, in place of OpenFile.
type Uploader interface {
	// OpenUpload opens a file that will have what the client sends, from the
	// offset that REST has given. With zero, one is made if there is none; it is
	// truncated by the server. With another, there has to be one, which may be
	// what is left of an upload that was cut.
	OpenUpload(ctx context.Context, name string, offset int64) (File, error)
}

// LimitedSession changes limits for one session. Limits is called with the
// server's after login and again whenever those change. As in Limits given to
// the server, zero is a default and negative is none.
type LimitedSession interface {
	Limits(server Limits) Limits
}

// EndingSession is a session that the host may end: its user was removed or
// suspended, say, or has expired. When the channel is closed, a transfer is cut and
// the connection ends with 421. Done is called once,
// after login; it may return nil.
type EndingSession interface {
	Done() <-chan struct{}
}

// What a session may also implement, besides the interfaces that have exported names.
type (
	chmodder interface {
		Chmod(ctx context.Context, name string, mode fs.FileMode) error
	}
	modTimeSetter interface {
		SetModTime(ctx context.Context, name string, t time.Time) error
	}
	createTimeSetter interface {
		SetCreateTime(ctx context.Context, name string, t time.Time) error
	}
	symlinker interface {
		Symlink(ctx context.Context, target, name string) error
	}
	linkStater interface {
		Lstat(ctx context.Context, name string) (fs.FileInfo, error)
	}
	spaceReporter interface {
		Available(ctx context.Context, name string) (int64, error)
	}
	permReporter interface {
		Perm(name string, info fs.FileInfo) string
	}
)

// What an entry may also implement.
type (
	owned interface {
		Owner() string
		Group() string
	}
	linked interface{ LinkTarget() string }
)
