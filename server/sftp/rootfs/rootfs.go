// Package rootfs serves a directory with package sftp. It is for tests and for
// trying things out: users are given in the program, and all of them see the
// same files.
package rootfs

import (
	"bytes"
	"context"
	"crypto/subtle"
	"os"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
)

// A User may log in with a password, a key, or a certificate.
type User struct {
	Password   string
	Keys       []ssh.PublicKey
	RequireAll bool
	Limits     func(sftp.Limits) sftp.Limits // nil: the server's
}

// A Backend serves a directory.
type Backend struct {
	root *os.Root

	mu       sync.Mutex
	users    map[string]*User
	sessions map[*session]string
}

// New returns a backend for the directory root, which has no users yet.
func New(root string) (*Backend, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return &Backend{root: r, users: map[string]*User{}, sessions: map[*session]string{}}, nil
}

// SetUser adds or replaces a user. With nil it removes one, and ends the
// user's sessions.
func (b *Backend) SetUser(name string, u *User) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if u != nil {
		b.users[name] = u
		return
	}
	delete(b.users, name)
	for s, user := range b.sessions {
		if user == name {
			delete(b.sessions, s)
			close(s.done)
		}
	}
}

// Sessions returns how many sessions are open.
func (b *Backend) Sessions() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.sessions)
}

func (b *Backend) account(user string, may func(*User) bool) (sftp.Account, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if u := b.users[user]; u != nil && may(u) {
		return &account{b, user, u}, nil
	}
	return nil, sftp.ErrLoginFailed
}

// Password implements sftp.Backend.
func (b *Backend) Password(_ context.Context, _ *sftp.Conn, user, password string) (sftp.Account, error) {
	return b.account(user, func(u *User) bool {
		return u.Password != "" && subtle.ConstantTimeCompare([]byte(u.Password), []byte(password)) == 1
	})
}

// PublicKey implements sftp.Backend.
func (b *Backend) PublicKey(_ context.Context, _ *sftp.Conn, user string, key ssh.PublicKey) (sftp.Account, error) {
	return b.account(user, func(u *User) bool {
		for _, k := range u.Keys {
			if bytes.Equal(k.Marshal(), key.Marshal()) {
				return true
			}
		}
		return false
	})
}

// Certificate implements sftp.Backend.
func (b *Backend) Certificate(_ context.Context, _ *sftp.Conn, user string, _ *ssh.Certificate) (sftp.Account, error) {
	return b.account(user, func(*User) bool { return true })
}

type account struct {
	backend *Backend
	name    string
	user    *User
}

func (a *account) RequireAll() bool { return a.user.RequireAll }

func (a *account) Login(context.Context, *sftp.Conn) (sftp.Session, error) {
	s := &session{backend: a.backend, user: a.user, root: a.backend.root, done: make(chan struct{})}
	a.backend.mu.Lock()
	defer a.backend.mu.Unlock()
	a.backend.sessions[s] = a.name
	return s, nil
}
