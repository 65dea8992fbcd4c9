package events

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// folderMode and fileMode let all pods write, who share a group.
	folderMode = 0o770
	fileMode   = 0o660
	// maxRecord is more than any record has.
	maxRecord = 256 << 10
	// listAtOnce is how many names are read at once.
	listAtOnce = 256
)

// Folder is a [Store] on a volume. It opens the volume when it is used first, and tries again as long as
// that fails.
type Folder struct {
	top, name string
	made      sync.Map // folders that there are

	mu   sync.Mutex
	root *os.Root
}

var _ Store = (*Folder)(nil)

// OpenFolder returns the outbox of a server, below the top of a volume. Its folder has a name that no client
// sees or uses (storage.Reserved).
func OpenFolder(top, server string) *Folder {
	return &Folder{top: top, name: path.Join(Hidden, server)}
}

// open opens the folder, and makes it if it is missing.
func (f *Folder) open() (*os.Root, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.root != nil {
		return f.root, nil
	}
	top, err := os.OpenRoot(f.top)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	if err := top.MkdirAll(f.name, folderMode); err != nil {
		return nil, err
	}
	root, err := top.OpenRoot(f.name)
	if err != nil {
		return nil, err
	}
	f.root = root
	tidy(root)
	return root, nil
}

// tidy removes what was never finished.
func tidy(root *os.Root) {
	dir, err := root.Open(unfinished)
	if err != nil {
		return
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(listAtOnce)
		for _, e := range entries {
			if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > time.Hour {
				_ = root.Remove(path.Join(unfinished, e.Name()))
			}
		}
		if err != nil {
			return
		}
	}
}

// unfinished is where records are written before they have their names.
const unfinished = "new"

// within calls do, and again if the folder was missing.
func (f *Folder) within(folder string, do func(*os.Root) error) error {
	root, err := f.open()
	if err != nil {
		return err
	}
	if _, known := f.made.Load(folder); known {
		if err := do(root); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := root.MkdirAll(folder, folderMode); err != nil {
		return err
	}
	f.made.Store(folder, true)
	return do(root)
}

// Put implements [Store]. The record is on the disk before it has its name, and has that before
// the upload has its own: a volume keeps the order of names.
func (f *Folder) Put(_ context.Context, key string, data []byte) error {
	name := path.Join(unfinished, rand.Text())
	err := f.within(unfinished, func(root *os.Root) error { return write(root, name, data) })
	if err == nil {
		err = f.within(path.Dir(key), func(root *os.Root) error { return root.Rename(name, key) })
	}
	if err != nil {
		_ = f.Remove(context.Background(), name)
	}
	return err
}

func write(root *os.Root, name string, data []byte) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// Get implements [Store].
func (f *Folder) Get(_ context.Context, key string) ([]byte, error) {
	root, err := f.open()
	if err != nil {
		return nil, err
	}
	file, err := root.OpenFile(key, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxRecord))
}

// Move implements [Store].
func (f *Folder) Move(_ context.Context, from, to string, _ []byte) error {
	return f.within(path.Dir(to), func(root *os.Root) error { return root.Rename(from, to) })
}

// Remove implements [Store].
func (f *Folder) Remove(_ context.Context, key string) error {
	root, err := f.open()
	if err != nil {
		return err
	}
	if err := root.Remove(key); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Touch implements [Store].
func (f *Folder) Touch(_ context.Context, key string, n uint64) error {
	return f.within(path.Dir(key), func(root *os.Root) error {
		file, err := root.OpenFile(key, os.O_WRONLY|os.O_CREATE, fileMode)
		if err != nil {
			return err
		}
		now := time.Now()
		_, err = fmt.Fprintf(file, "%020d", n)
		if timeErr := root.Chtimes(key, now, now); timeErr == nil {
			err = nil
		}
		return errors.Join(err, file.Close())
	})
}

// List implements [Store].
func (f *Folder) List(_ context.Context, folder string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		root, err := f.open()
		if err != nil {
			yield(Entry{}, err)
			return
		}
		dir, err := root.Open(folder)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer dir.Close()
		for {
			entries, end := dir.ReadDir(listAtOnce)
			for _, e := range entries {
				info, err := e.Info()
				if err != nil {
					continue // it has gone
				}
				if !yield(Entry{Name: e.Name(), Version: strconv.FormatInt(info.ModTime().UnixNano(), 36)}, nil) {
					return
				}
			}
			if errors.Is(end, io.EOF) {
				return
			}
			if end != nil {
				yield(Entry{}, end)
				return
			}
		}
	}
}

// Prune implements [Store].
func (f *Folder) Prune(_ context.Context, folder string) {
	f.made.Delete(folder)
	if root, err := f.open(); err == nil {
		_ = root.Remove(folder) // which removes no folder that has something
	}
}
