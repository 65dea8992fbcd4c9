package storage

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// A folder is listed in the order of its names when it has up to sortedEntries
// entries and their names up to sortedBytes together. A larger one comes as it
// lies on the volume, listBatch entries at a time: the list of a folder that
// nobody reads holds no more memory than that.
const (
	sortedEntries = 1000
	sortedBytes   = 64 << 10
	listBatch     = 128
)

// List implements [FS].
func (l *Local) List(name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		f, err := l.openListing(name)
		if err != nil {
			yield(nil, named("list", name, err))
			return
		}
		defer f.close()
		if err := f.all(yield); err != nil {
			yield(nil, named("list", name, err))
		}
	}
}

// A listing is a folder that is being listed.
type listing struct {
	root *os.Root // the folder
	dir  *os.File // alike, for its entries one after the other
}

func (l *Local) openListing(name string) (*listing, error) {
	fd, err := l.open(name, true, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer release(fd)
	root, err := os.OpenRoot(procPath(fd))
	if err != nil {
		return nil, err
	}
	dir, err := root.Open(".")
	if err != nil {
		root.Close()
		return nil, err
	}
	return &listing{root: root, dir: dir}, nil
}

// all yields all entries until it is told to stop, or fails.
func (f *listing) all(yield func(fs.FileInfo, error) bool) error {
	names, end := f.first()
	for _, name := range names {
		switch info, err := f.root.Lstat(name); {
		case errors.Is(err, fs.ErrNotExist): // gone since it was read
		case err != nil:
			return err
		case !yield(info, nil):
			return nil
		}
	}
	for end == nil {
		var entries []fs.DirEntry
		entries, end = f.dir.ReadDir(listBatch)
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				return err
			}
			if !yield(info, nil) {
				return nil
			}
		}
	}
	if errors.Is(end, io.EOF) {
		return nil
	}
	return end
}

// first returns the first names, sorted if they are all, and the error, such as
// io.EOF, that reading ended with.
func (f *listing) first() (names []string, end error) {
	size := 0
	for end == nil && len(names) <= sortedEntries && size <= sortedBytes {
		var batch []string
		batch, end = f.dir.Readdirnames(listBatch)
		for _, name := range batch {
			size += len(name)
		}
		names = append(names, batch...)
	}
	if end != nil && len(names) <= sortedEntries {
		slices.Sort(names)
	}
	return names, end
}

func (f *listing) close() {
	f.root.Close()
	f.dir.Close()
}
