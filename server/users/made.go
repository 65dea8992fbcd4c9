package users

import (
	"io/fs"
	"os"
	"path"
	"sync"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// maxMade bounds what a session remembers of its uploads.
const maxMade = 10_000

// made are the files that were made through a restricted tree. Who makes a file
// in a drop box may complete it, though do nothing with those of others: a
// file that has come in the place of one of these is another, as far as its
// number on the volume tells.
type made struct {
	mu    sync.Mutex
	files map[string]fs.FileInfo
}

// has reports whether name is one of the files still.
func (m *made) has(tree storage.FS, name string) bool {
	m.mu.Lock()
	file := m.files[path.Clean("/"+name)]
	m.mu.Unlock()
	if file == nil {
		return false
	}
	info, err := tree.Lstat(name)
	return err == nil && os.SameFile(file, info)
}

func (m *made) add(name string, f storage.File) {
	info, err := f.Stat()
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files == nil {
		m.files = map[string]fs.FileInfo{}
	}
	for old := range m.files {
		if len(m.files) < maxMade {
			break
		}
		delete(m.files, old) // any: the map's order is random
	}
	m.files[path.Clean("/"+name)] = info
}

func (m *made) move(from, to string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, to = path.Clean("/"+from), path.Clean("/"+to)
	m.files[to] = m.files[from]
	delete(m.files, from)
}
