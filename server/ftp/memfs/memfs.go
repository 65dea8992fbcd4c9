// Package memfs is an ftp.Backend that keeps users and files in memory. It is
// for tests and examples, and shows what a backend has to do.
package memfs

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"sync"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// A Backend has users, each with a file system of their own.
type Backend struct {
	mu    sync.Mutex
	users map[string]*user
}

type user struct {
	password [sha256.Size]byte
	fs       *FS
}

// New returns a backend without users.
func New() *Backend { return &Backend{users: map[string]*user{}} }

// AddUser adds a user, or replaces the password of one, and returns the user's
// file system.
func (b *Backend) AddUser(name, password string) *FS {
	b.mu.Lock()
	defer b.mu.Unlock()
	u := b.users[name]
	if u == nil {
		u = &user{fs: NewFS()}
		b.users[name] = u
	}
	u.password = sha256.Sum256([]byte(password))
	return u.fs
}

// Login implements ftp.Backend. It compares hashes, also for a user that does
// not exist, so the time it takes tells nothing.
func (b *Backend) Login(_ context.Context, _ *ftp.Conn, name, password string) (ftp.Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	u, ok := b.users[name]
	if !ok {
		u = &user{}
	}
	sum := sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(sum[:], u.password[:]) != 1 || !ok {
		return nil, ftp.ErrLoginFailed
	}
	return u.fs.Session(), nil
}

// SampleSession is for [ftp.Backend].
func (b *Backend) SampleSession() ftp.Session { return session{} }
