package sftp

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Backend decides who may log in. It is called from many goroutines. Contexts
// end when the client disconnects.
//
// ErrLoginFailed is the error for wrong credentials, of Account.Login too. The
// text of an *Error is shown to the client as a banner; any other error is
// logged, and the client told no more than that the login failed.
type Backend interface {
	// Password checks a password, and returns whose it is. It should take as
	// long for an unknown user as for a wrong password. It serves
	// keyboard-interactive as well.
	Password(ctx context.Context, c *Conn, user, password string) (Account, error)

	// PublicKey returns whose key it is. It has no effects beyond that: clients
	// offer one key after the other, and whether they have the private one is
	// only known later. Login of the account is called then.
	PublicKey(ctx context.Context, c *Conn, user string, key ssh.PublicKey) (Account, error)

	// Certificate returns the account of the user whom a certificate names.
	// All about the certificate is verified already, but that the client has
	// the private key. It has no effects beyond that, like PublicKey.
	Certificate(ctx context.Context, c *Conn, user string, cert *ssh.Certificate) (Account, error)
}

// ErrLoginFailed means that the user does not exist, the password or the key
// is wrong, or the user may not log in here: the client is not told which.
var ErrLoginFailed = errors.New("sftp: login failed")

// ErrRefused is in an error, besides ErrLoginFailed, if what was shown may well
// be the user's: the user is suspended, say, or the address is banned.
// Whoever counts guesses does not count those.
var ErrRefused = errors.New("sftp: login refused")

// An Account is a user who has shown a password, a key or a certificate.
type Account interface {
	// RequireAll says whether the user needs a key (or certificate) as well
	// as the password.
	RequireAll() bool
	// Login begins the session. It is called once, when all that is required
	// has been verified.
	Login(ctx context.Context, c *Conn) (Session, error)
}

// SecondAccount is implemented by accounts that have to know both credentials
// of a user who needs two. Login is then called on what After returns, given the
// account of the credential that was shown first.
type SecondAccount interface {
	After(first Account) Account
}

// A Session is what one logged-in client may do. Names are absolute and
// slash-separated ("/" is the user's top), at most 4096 bytes long, and never
// contain NUL. They mean what they mean to the system: ".." is the parent of what
// comes before it, behind a symbolic link of where that leads, and not more
// than "/" at the top; what is before a slash at the end is a directory. Names
// may have ".." and one slash at the end, but neither "." nor an empty part.
//
// Methods are called from several goroutines at once. Errors become status
// replies by what errors.Is and errors.As find in them: fs.ErrNotExist,
// fs.ErrExist, fs.ErrPermission, ErrQuota, errors.ErrUnsupported and the error
// numbers of Unix. The text of an error is never sent, except that of an
// *Error.
//
// A session may also implement LimitedSession, SpaceReporter,
// FileSpaceReporter, Owners, LinkTimes, Tools, Uploader and Names.
type Session interface {
	// Stat describes what name leads to, following symbolic links.
	Stat(ctx context.Context, name string) (fs.FileInfo, error)
	// Lstat describes name itself.
	Lstat(ctx context.Context, name string) (fs.FileInfo, error)
	// List yields the entries of a directory in any order, as Lstat describes
	// them, without "." and "..". They need not be in memory at once.
	List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error]
	// OpenFile opens a file with flags of package os. perm is that of a file
	// that it makes. A file that is opened with O_APPEND has to be an
	// io.Writer, whose writes go to the end, in one piece each.
	OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (File, error)
	// Mkdir makes a directory. perm may have the bits for setgid and sticky, which
	// are set where that is possible, and is no reason to fail.
	Mkdir(ctx context.Context, name string, perm fs.FileMode) error
	// Remove removes a file or symbolic link, and no directory.
	Remove(ctx context.Context, name string) error
	// RemoveDir removes an empty directory.
	RemoveDir(ctx context.Context, name string) error
	// Rename moves a file or directory. A file at newName is replaced.
	Rename(ctx context.Context, oldName, newName string) error
	// RenameNew is Rename, but fails with fs.ErrExist if there is something at
	// newName.
	RenameNew(ctx context.Context, oldName, newName string) error
	// Link makes a hard link.
	Link(ctx context.Context, oldName, newName string) error
	// Symlink makes a symbolic link. target is as the client gave it.
	Symlink(ctx context.Context, target, name string) error
	// Readlink returns the target of a symbolic link.
	Readlink(ctx context.Context, name string) (string, error)
	// Realpath returns what name leads to, without links and "..". The last
	// part may be missing.
	Realpath(ctx context.Context, name string) (string, error)
	// Chmod sets the permission bits, with those for setuid, setgid and sticky.
	Chmod(ctx context.Context, name string, mode fs.FileMode) error
	// Chtimes sets the times of access and modification. A zero time is left
	// as it is.
	Chtimes(ctx context.Context, name string, accessed, modified time.Time) error

	// Done returns a channel that is closed when the session must end at once:
	// the user was removed or suspended, or has expired. It may be nil.
	Done() <-chan struct{}
	// Close ends the session: the client has disconnected. All files are
	// closed by then.
	Close() error
}

// A File is an open file; *os.File is one. Reads and writes come from several
// goroutines, writes in the order of their requests.
//
// A File may also implement:
//
//	CloseWithError(err error) error  // called in place of Close when an upload is not complete
//	Chmod(mode fs.FileMode) error    // both of these: of the open file,
//	Chtimes(accessed, modified time.Time) error // whatever its name is by now
//
//	// Have the store copy n bytes of another open file, from at on, to a place in this one.
//	// It returns false, and has done nothing, if that cannot be.
//	CopyFrom(from io.ReaderAt, at, n, place int64) (bool, error)
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
}

// Uploader opens files that scp sends, in place of OpenFile.
type Uploader interface {
	// OpenUpload opens a file that is made, or replaced as a whole, without
	// emptying it. It is complete when Close is called and has succeeded.
	OpenUpload(ctx context.Context, name string, perm fs.FileMode) (File, error)
}

// SpaceReporter provides statvfs@openssh.com and fstatvfs@openssh.com.
type SpaceReporter interface {
	Space(ctx context.Context, name string) (Space, error)
}

// FileSpaceReporter is SpaceReporter for an open file, whatever its name is by now.
type FileSpaceReporter interface {
	FileSpace(ctx context.Context, f File) (Space, error)
}

// Owners sets owner and group. Without it, files have those that they are made
// with. Of what is not to be changed, uid or gid is -1.
type Owners interface {
	Chown(ctx context.Context, name string, uid, gid int) error
}

// LinkTimes sets the times of a symbolic link itself.
type LinkTimes interface {
	Lchtimes(ctx context.Context, name string, accessed, modified time.Time) error
}

// Tools says whether the commands for checksums are served, of which clients
// find out once and then rely on. They are unless it returns false.
type Tools interface {
	Checksums() bool
}

// Space is the size of a volume, as statvfs(3) has it.
type Space struct {
	BlockSize  uint64 // bytes
	Blocks     uint64
	Free       uint64 // blocks
	Available  uint64 // blocks, to users other than root
	Files      uint64
	FilesFree  uint64
	NameMax    uint64 // bytes in a name
	ReadOnly   bool
	FileSystem uint64 // identifies the volume
}

// Names knows the names of numeric owners, for listings and for
// users-groups-by-id@openssh.com. An empty string is an unknown one.
type Names interface {
	UserName(id uint32) string
	GroupName(id uint32) string
}

// LimitedSession changes limits for one session. Limits is called with the
// server's after login and again whenever those change. As in Limits given to
// the server, zero is a default and negative is none.
type LimitedSession interface {
	Limits(server Limits) Limits
}
