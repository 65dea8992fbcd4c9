package controllers

import (
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// memory is what is kept between passes. All of it can be found out again: a
// restart costs time and nothing else.
type memory struct {
	mu      sync.Mutex
	servers map[types.NamespacedName]*serverMemory
}

// serverMemory is about one server. Only one pass at a time uses it, but a pass
// looks at several users at once.
type serverMemory struct {
	mu      sync.Mutex               // of entries, hashes and doubted
	entries map[string]entryMemory   // of Secrets and ConfigMaps that users name
	hashes  map[types.UID]hashMemory // of users' passwords
	pods    map[types.UID]podMemory  // what pods have loaded
	roster  *roster                  // who may log in
	doubted map[string]bool          // objects that the cache lacks and that exist

	claim       versioned[*corev1.PersistentVolumeClaim] // that the FileServer names
	certificate versioned[tlsState]                      // in the Secret that it names
	hostKeys    versioned[resources.HostKeys]            // in the Secret that it names, or its own

	written writtenStatus
	kept    *keptObjects

	waits time.Time          // since when a new server waits for its address
	wants map[mounted]string // what new pods should load

	shownNodes []corev1.Node // by which clients are told to come
	failures   int           // passes in a row in which something failed that may not fail again
}

// versioned is what was read from one version of an object, as [identity] has it.
type versioned[T any] struct {
	version string
	value   T
}

// of is the value, if it is of that version.
func (v versioned[T]) of(version string) (T, bool) {
	return v.value, version != "" && v.version == version
}

// entryMemory is the content of an entry, and which version of the object had it.
type entryMemory struct {
	version string
	state   entryState
	content []byte
}

// hashMemory is the hash of a password.
type hashMemory struct {
	of   [32]byte
	hash string
}

// podMemory is what a pod has loaded.
type podMemory struct {
	loaded  config.Loaded
	asked   bool      // and answered
	err     error     // why it did not answer when it was asked last
	silent  time.Time // since when it serves and does not answer; zero: it does
	bumped  time.Time // when its mounts were last refreshed
	bumps   int       // how often, for the same files
	wants   string    // the files that it was last told of
	has     bool      // it has said that it has these
	strayed bool      // it may still load others, which it was told of before
	others  string    // those of them that are not about users
	nudged  string    // the users' file that it was last told of

	credentials credentialsMemory
}

func newMemory() *memory { return &memory{servers: map[types.NamespacedName]*serverMemory{}} }

func (m *memory) of(server types.NamespacedName) *serverMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.servers[server]
	if s == nil {
		s = &serverMemory{
			entries: map[string]entryMemory{},
			hashes:  map[types.UID]hashMemory{},
			pods:    map[types.UID]podMemory{},
			roster:  newRoster(),
			doubted: map[string]bool{},
			kept:    newKeptObjects(),
		}
		m.servers[server] = s
	}
	return s
}

func (p *pass) mem() *serverMemory {
	return p.memory.of(client.ObjectKeyFromObject(p.server.FileServer))
}

func (m *memory) forget(server types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.servers, server)
}

// entry returns the content of an entry, if that version of it is known.
func (s *serverMemory) entry(id, version string) (entryMemory, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.entries[id]
	return m, ok && version != "" && m.version == version
}

func (s *serverMemory) keepEntry(id string, m entryMemory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[id] = m
}

// forgetOthers forgets the passwords and the entries of users that are gone.
// Contents of Secrets are among them.
func (s *serverMemory) forgetOthers(users []*userState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	there, used := map[types.UID]bool{}, map[string]bool{}
	for _, u := range users {
		there[u.user.UID] = true
		for _, id := range sourcesOf(u.user) {
			used[id] = true
		}
	}
	maps.DeleteFunc(s.entries, func(id string, _ entryMemory) bool { return !used[id] })
	maps.DeleteFunc(s.hashes, func(user types.UID, _ hashMemory) bool { return !there[user] })
}

// hash returns the hash of a user's password, if it is known.
func (s *serverMemory) hash(user types.UID, of [32]byte) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.hashes[user]
	return h.hash, ok && h.of == of
}

func (s *serverMemory) keepHash(user types.UID, h hashMemory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hashes[user] = h
}

// doubt remembers that an object exists which the cache lacks.
func (s *serverMemory) doubt(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubted[name] = true
}

func (s *serverMemory) doubts(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doubted[name]
}

// trust forgets that, once the cache has the object.
func (s *serverMemory) trust(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.doubted, name)
}
