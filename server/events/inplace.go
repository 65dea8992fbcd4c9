package events

import (
	"io/fs"
	"os"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// An inPlace file is written where others see it: a change of a file that exists, or any upload
// where they are not hidden. It is told of when it is closed, if it has changed.
type inPlace struct {
	storage.File
	tree   *teller
	name   string
	before fs.FileInfo
	made   bool
}

// OSFile is for [storage.OSFile].
func (f *inPlace) OSFile() *os.File { return storage.OSFile(f.File) }

// Chmod sets the mode of the open file.
func (f *inPlace) Chmod(mode fs.FileMode) error {
	if c, ok := f.File.(interface{ Chmod(fs.FileMode) error }); ok {
		return c.Chmod(mode)
	}
	return fs.ErrInvalid
}

// Chtimes sets the times of the open file.
func (f *inPlace) Chtimes(accessed, modified time.Time) error {
	if c, ok := f.File.(interface {
		Chtimes(accessed, modified time.Time) error
	}); ok {
		return c.Chtimes(accessed, modified)
	}
	return storage.SetTimes(f.OSFile(), accessed, modified)
}

// Close tells of the file, if it has changed.
func (f *inPlace) Close() error {
	now, err := f.File.Stat()
	if err != nil || !f.made && now.Size() == f.before.Size() && now.ModTime().Equal(f.before.ModTime()) {
		return f.File.Close()
	}
	if seen, err := f.tree.tree.Stat(f.name); err == nil && storage.Incomplete(seen) {
		return f.File.Close() // it is an upload of this session that is not complete
	}
	place, err := f.tree.tree.Resolve(f.name, true)
	if err != nil {
		place.Name = f.name
	}
	d, size := f.tree.source.data(place.Name), now.Size()
	d.Bytes, d.InPlace = &size, true
	return f.tree.source.Outbox.Do(UploadCompleted, d, check{}, f.File.Close)
}

// CloseWithError ends a transfer that was cut, of which nothing is told.
func (f *inPlace) CloseWithError(cause error) error {
	if c, ok := f.File.(interface{ CloseWithError(error) error }); ok {
		return c.CloseWithError(cause)
	}
	return f.File.Close()
}
