package memfs

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// session implements ftp.Session and most of what it may implement besides.
type session struct{ *FS }

// Session returns a view of the file system for one client.
func (f *FS) Session() ftp.Session { return session{f} }

func (s session) Close() error { return nil }

func (s session) Stat(_ context.Context, name string) (fs.FileInfo, error) {
	return s.stat(name, true)
}

func (s session) Lstat(_ context.Context, name string) (fs.FileInfo, error) {
	return s.stat(name, false)
}

func (s session) stat(name string, follow bool) (fs.FileInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.find(name, follow)
	if err != nil {
		return nil, err
	}
	return n.info(path.Base(name)), nil
}

func (s session) List(_ context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		s.mu.Lock()
		n, err := s.find(name, true)
		if err == nil && n.children == nil {
			err = syscall.ENOTDIR
		}
		if err != nil {
			s.mu.Unlock()
			yield(nil, err)
			return
		}
		names := slices.Sorted(maps.Keys(n.children))
		s.mu.Unlock()
		for _, name := range names {
			s.mu.Lock()
			child, ok := n.children[name]
			var entry info
			if ok {
				entry = child.info(name)
			}
			s.mu.Unlock()
			if ok && !yield(entry, nil) {
				return
			}
		}
	}
}

func (s session) OpenFile(_ context.Context, name string, flag int) (ftp.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.find(name, true)
	switch {
	case err == nil && flag&os.O_EXCL != 0:
		return nil, fs.ErrExist
	case err == nil && n.children != nil && flag != os.O_RDONLY:
		return nil, syscall.EISDIR
	case err == nil:
		if flag&os.O_TRUNC != 0 {
			s.used -= n.data.size
			n.data.truncate(0)
		}
	case flag&os.O_CREATE != 0:
		dir, base, perr := s.parent(name)
		if perr != nil {
			return nil, perr
		}
		if _, dangling := dir.children[base]; dangling {
			return nil, err
		}
		n = &node{mode: 0o644, modTime: time.Now()}
		dir.children[base] = n
	default:
		return nil, err
	}
	return &file{fs: s.FS, node: n, name: path.Base(name), writable: flag != os.O_RDONLY}, nil
}

func (s session) Mkdir(_ context.Context, name string) error {
	return s.create(name, &node{mode: fs.ModeDir | 0o755, modTime: time.Now(), children: map[string]*node{}})
}

func (s session) Symlink(_ context.Context, target, name string) error {
	return s.create(name, &node{mode: fs.ModeSymlink | 0o777, modTime: time.Now(), target: target})
}

func (s session) create(name string, n *node) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if path.Clean(name) == "/" {
		return fs.ErrExist
	}
	dir, base, err := s.parent(name)
	if err != nil {
		return err
	}
	if dir.children[base] != nil {
		return fs.ErrExist
	}
	dir.children[base] = n
	return nil
}

func (s session) Remove(_ context.Context, name string) error {
	return s.remove(name, func(n *node) error {
		if n.children != nil {
			return syscall.EISDIR
		}
		s.used -= n.data.size
		return nil
	})
}

func (s session) RemoveDir(_ context.Context, name string) error {
	return s.remove(name, func(n *node) error {
		if n.children == nil {
			return syscall.ENOTDIR
		}
		if len(n.children) > 0 {
			return syscall.ENOTEMPTY
		}
		return nil
	})
}

func (s session) remove(name string, check func(*node) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.find(name, false)
	if err != nil {
		return err
	}
	if err := check(n); err != nil {
		return err
	}
	dir, base, err := s.parent(name)
	if err != nil {
		return err
	}
	delete(dir.children, base)
	return nil
}

func (s session) Rename(_ context.Context, oldName, newName string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.find(oldName, false)
	if err != nil {
		return err
	}
	oldDir, oldBase, err := s.parent(oldName)
	if err != nil {
		return err
	}
	newDir, newBase, err := s.parent(newName)
	if err != nil {
		return err
	}
	if n.children != nil && strings.HasPrefix(path.Clean(newName)+"/", path.Clean(oldName)+"/") {
		return fs.ErrInvalid
	}
	if there := newDir.children[newBase]; there != nil && there != n {
		if there.children != nil {
			return fs.ErrExist
		}
		s.used -= there.data.size
	}
	delete(oldDir.children, oldBase)
	newDir.children[newBase] = n
	return nil
}

func (s session) Chmod(_ context.Context, name string, mode fs.FileMode) error {
	return s.change(name, func(n *node) { n.mode = n.mode.Type() | mode })
}

func (s session) SetModTime(_ context.Context, name string, t time.Time) error {
	return s.change(name, func(n *node) { n.modTime = t })
}

func (s session) change(name string, f func(*node)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.find(name, true)
	if err == nil {
		f(n)
	}
	return err
}

func (s session) Available(context.Context, string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quota == 0 {
		return 1 << 40, nil
	}
	return max(s.quota-s.used, 0), nil
}

// WriteFile puts a file, as a test does before it lets a client in.
func (f *FS) WriteFile(name string, data []byte) error {
	w, err := f.Session().OpenFile(context.Background(), name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	defer w.Close()
	_, err = w.Write(data)
	return err
}

// ReadFile returns the bytes of a file.
func (f *FS) ReadFile(name string) ([]byte, error) {
	r, err := f.Session().OpenFile(context.Background(), name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
