package storage

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strconv"

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
		for {
			names, err := f.next()
			for _, entry := range names {
				info, err := f.root.Lstat(entry)
				if errors.Is(err, fs.ErrNotExist) {
					continue // gone since it was read
				}
				if err != nil {
					info, err = nil, named("list", name, err)
				}
				if !yield(info, err) {
					return
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, named("list", name, err))
				return
			}
		}
	}
}

// A listing is a folder that is being listed.
type listing struct {
	root  *os.Root // describes the entries
	dir   *os.File // yields their names
	begun bool
}

func (l *Local) openListing(name string) (*listing, error) {
	fd, err := l.open(name, true, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	dir := os.NewFile(uintptr(fd), name)
	root, err := os.OpenRoot("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		dir.Close()
		return nil, err
	}
	return &listing{root: root, dir: dir}, nil
}

// next returns the next names. The error may come with some.
func (f *listing) next() ([]string, error) {
	if f.begun {
		return f.dir.Readdirnames(listBatch)
	}
	f.begun = true
	var names []string
	size := 0
	for len(names) <= sortedEntries && size <= sortedBytes {
		batch, err := f.dir.Readdirnames(listBatch)
		for _, name := range batch {
			size += len(name)
		}
		if names = append(names, batch...); err != nil {
			if len(names) <= sortedEntries {
				slices.Sort(names)
			}
			return names, err
		}
	}
	return names, nil
}

func (f *listing) close() {
	f.root.Close()
	f.dir.Close()
}
