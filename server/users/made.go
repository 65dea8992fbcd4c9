package users

import (
	"io"
	"sync"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

const (
	// maxMade bounds what a session remembers of its uploads.
	maxMade = 10_000
	// maxPinned bounds how many of them are kept open.
	maxPinned = 64
)

// made are the files that were made through a restricted tree. Who makes a file
// in a drop box may complete it, though do nothing with those of others: a
// file that has come in the place of one of these is another, even if it has
// its number on the volume.
type made struct {
	mu     sync.Mutex
	files  map[string]madeFile
	pinned int
}

// A madeFile is a file as it was when it was made. Where the volume has no
// time of birth, a pin keeps its number from going to another.
type madeFile struct {
	id     storage.ID
	before storage.ID // of the file that it is to replace, until it is complete
	pin    io.Closer
}

// has reports whether one of the files is at the place still. An upload that
// is hidden has nothing at its place.
func (m *made) has(place *storage.Place) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	file, ok := m.files[place.Name]
	return ok && (!place.Exists() || place.ID() == file.id || place.ID() == file.before)
}

// add remembers a file that has just been made for a place, be it to replace
// another of these.
func (m *made) add(place *storage.Place, f storage.File) {
	name := place.Name
	id, ok := storage.FileID(f)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(name)
	file := madeFile{id: id}
	if before := place.ID(); before.Lasting() {
		file.before = before
	}
	if !id.Lasting() {
		if m.pinned >= maxPinned {
			return
		}
		pin, err := storage.Pin(storage.OSFile(f)) // which such an identity is of
		if err != nil {
			return
		}
		file.pin = pin
		m.pinned++
	}
	if m.files == nil {
		m.files = map[string]madeFile{}
	}
	for old := range m.files {
		if len(m.files) < maxMade {
			break
		}
		m.drop(old) // any: the map's order is random
	}
	m.files[name] = file
}

func (m *made) move(from, to string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if file, ok := m.files[from]; ok {
		m.drop(to)
		m.files[to] = file
		delete(m.files, from)
	}
}

// drop forgets one file. The caller holds the lock.
func (m *made) drop(name string) {
	if file := m.files[name]; file.pin != nil {
		file.pin.Close()
		m.pinned--
	}
	delete(m.files, name)
}

// forget forgets all files.
func (m *made) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.files {
		m.drop(name)
	}
}
