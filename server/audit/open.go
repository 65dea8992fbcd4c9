package audit

import (
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// A File is an open file of which more can be changed than its bytes. It may have the
// optional methods of [storage.File].
type File interface {
	storage.File
	OSFile() *os.File
	CloseWithError(cause error) error
}

// withAttributes has the methods of files that can be changed while open.
type withAttributes interface {
	Chmod(mode fs.FileMode) error
	Chtimes(accessed, modified time.Time) error
}

// File returns an open file of the tree that tells of what is changed about it, besides
// its bytes.
func (t *Tree) File(f storage.File, name string) File {
	told := &openFile{f, t, name}
	if a, ok := f.(withAttributes); ok {
		return &attributes{told, a}
	}
	return told
}

type openFile struct {
	storage.File
	tree *Tree
	name string
}

// Truncate sets the size.
func (f *openFile) Truncate(size int64) error {
	r := f.tree.record(Truncate, f.name)
	r.Size = &size
	return f.tree.tell(r, f.File.Truncate(size))
}

// OSFile returns the file of the system, or nil.
func (f *openFile) OSFile() *os.File { return storage.OSFile(f.File) }

// opened is the file that is told of.
func (f *openFile) opened() storage.File { return f.File }

// CopyFrom has the store copy bytes of another file of the tree; see [storage.CopyWithin].
func (f *openFile) CopyFrom(from io.ReaderAt, at, n, place int64) (bool, error) {
	if other, ok := from.(interface{ opened() storage.File }); ok {
		from = other.opened()
	}
	return storage.CopyWithin(f.File, from, at, n, place)
}

// CloseWithError ends an upload that is not complete.
func (f *openFile) CloseWithError(cause error) error {
	if c, ok := f.File.(interface{ CloseWithError(error) error }); ok {
		return c.CloseWithError(cause)
	}
	return f.File.Close()
}

type attributes struct {
	*openFile
	changes withAttributes
}

// Chmod sets the mode of the open file.
func (f *attributes) Chmod(mode fs.FileMode) error {
	return f.tree.tell(f.tree.chmod(f.name, mode), f.changes.Chmod(mode))
}

// Chtimes sets the times of the open file.
func (f *attributes) Chtimes(accessed, modified time.Time) error {
	return f.tree.tell(f.tree.chtimes(f.name, accessed, modified), f.changes.Chtimes(accessed, modified))
}
