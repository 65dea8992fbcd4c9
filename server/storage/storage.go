// Package storage is the files that the protocols serve: a tree for each user,
// rooted at the user's home. No path and no symbolic link leads out of it:
// [Local] walks each name itself, from one open folder to the next.
//
// [FS] is small enough that something other than a disk can stand behind it.
package storage

import (
	"io"
	"io/fs"
	"iter"
	"os"
	"time"
)

// FS is a tree of files. Names are absolute and slash-separated; "/" is the
// top. They are resolved part by part, as the kernel does: ".." is the folder
// that holds the one reached so far, through links too, and so "none/../f"
// leads nowhere; a name that ends with a slash means a folder. ".." at the top
// stays there, so "/../x" is "/x".
//
// A symbolic link is followed from where it is or, if it is absolute, from the
// top of the tree. One that leads out is fs.ErrPermission.
//
// Errors are *fs.PathError with the name as the caller gave it, and an error
// number of the system or one of io/fs inside; they never hold a path of the
// host. All methods may be called from several goroutines.
type FS interface {
	// Stat describes what name leads to, following symbolic links.
	Stat(name string) (fs.FileInfo, error)
	// Lstat describes name itself.
	Lstat(name string) (fs.FileInfo, error)
	// List yields the entries of a folder as Lstat describes them: up to some
	// 1,000 by name, those of a larger folder in no particular order. They are
	// read as they are asked for, so the size of the folder costs no memory. A
	// name that is no folder yields an error.
	List(name string) iter.Seq2[fs.FileInfo, error]
	// OpenFile opens a file with flags of package os, and [Upload] and [Hide].
	// perm is that of a file that it makes. With os.O_APPEND, each Write and
	// WriteAt goes to the end in one piece, whoever else appends in whatever
	// process and pod.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Mkdir makes a folder.
	Mkdir(name string, perm fs.FileMode) error
	// Remove removes a file or a symbolic link, and no folder.
	Remove(name string) error
	// RemoveDir removes an empty folder.
	RemoveDir(name string) error
	// Rename moves a file or folder. A file at newName is replaced.
	Rename(oldName, newName string) error
	// RenameNew is Rename, but fails with fs.ErrExist if there is something at
	// newName. Nothing can come between the check and the move, unless the
	// volume can do no better (of [Local], folders on NFS and the like).
	RenameNew(oldName, newName string) error
	// Link makes a hard link.
	Link(oldName, newName string) error
	// Symlink makes a symbolic link. The target is stored as it is given; an
	// absolute one is meant from the top of the tree.
	Symlink(target, name string) error
	// Readlink returns the target of a symbolic link, as it was given.
	Readlink(name string) (string, error)
	// Realpath returns the real name of what name leads to: without links, dots
	// and doubled slashes. The last part may be missing.
	Realpath(name string) (string, error)
	// Chmod sets the permission bits, with setuid, setgid and sticky. A folder
	// stays usable for its owner. The top cannot be changed (fs.ErrPermission).
	Chmod(name string, mode fs.FileMode) error
	// Chtimes sets the times of access and modification. A zero time is left
	// as it is.
	Chtimes(name string, accessed, modified time.Time) error
	// Lchtimes is Chtimes of what name is itself, be it a link.
	Lchtimes(name string, accessed, modified time.Time) error
	// Chown sets owner and group; -1 leaves one as it is. The owner cannot be
	// changed, and the group only to one that the process is in.
	Chown(name string, uid, gid int) error
	// Space tells how full the volume is on which name is.
	Space(name string) (Space, error)

	// Resolve walks name and tells where it leads. The last part is followed if
	// it is a link and follow says so. With an error, the place is as far as
	// the walk came.
	Resolve(name string, follow bool) (Place, error)
	// NoLinks returns the same tree for real names, as [FS.Resolve] tells them:
	// a symbolic link on the way to the last part, or in it where it would be
	// followed, is ELOOP. What was decided about a real name is thereby done to
	// just that place, whatever came into its way meanwhile. It is closed with
	// the tree.
	NoLinks() FS

	// Close releases the tree. Files that are open stay so.
	Close() error
}

// File is an open file. Those of [Local] are *os.File and nothing else, so
// that the kernel can move their bytes (sendfile), but for those that
// are open for appending.
//
// A file may also have these methods:
//
//	OSFile() *os.File                          // the file to move bytes of; nil if there is none
//	Allowed() error                            // whether bytes may be moved of OSFile still; to be asked again and again
//	Chmod(mode fs.FileMode) error              // of the open file, whatever its name is now
//	Chtimes(accessed, modified time.Time) error // alike; a zero time is left as it is
//	CloseWithError(cause error) error          // in place of Close when an upload was cut
//	ID() ID                                    // its identity, if it is no file of the system
//	CopyFrom, Checksum                         // see [CopyWithin] and [Checksum]
type File interface {
	io.Reader
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Seeker
	io.Closer
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
}

// Space is the size of a volume, in blocks as statvfs(3) counts them.
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

// ErrName means that a name holds NUL, which no file system can carry, or is
// empty. It is fs.ErrInvalid.
var ErrName = &nameError{}

type nameError struct{}

func (*nameError) Error() string        { return "name has a character that is not allowed" }
func (*nameError) Is(target error) bool { return target == fs.ErrInvalid }

// OSFile returns the file of the system that f is or stands for, or nil.
func OSFile(f File) *os.File {
	switch f := f.(type) {
	case *os.File:
		return f
	case interface{ OSFile() *os.File }:
		return f.OSFile()
	}
	return nil
}
