package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// changes are what watches have seen happen to the users of servers, since a pass took
// it down. What a pass has not come to stays until the next one.
type changes struct {
	mu sync.Mutex
	of map[types.NamespacedName]change
}

// change is what happened at one server.
type change struct {
	users   map[string]struct{} // FileServerUsers that changed, or of which something did
	secrets map[string]struct{} // of the server's own Secrets
}

func newChanges() *changes { return &changes{of: map[types.NamespacedName]change{}} }

// user notes that a user has changed, or what it names, or what was made for it.
func (c *changes) user(server types.NamespacedName, name string) {
	c.note(server, func(ch change) { ch.users[name] = struct{}{} })
}

// secret notes that a Secret of the server's own has changed.
func (c *changes) secret(server types.NamespacedName, name string) {
	c.note(server, func(ch change) { ch.secrets[name] = struct{}{} })
}

func (c *changes) note(server types.NamespacedName, take func(change)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch, ok := c.of[server]
	if !ok {
		ch = change{map[string]struct{}{}, map[string]struct{}{}}
		c.of[server] = ch
	}
	take(ch)
}

// take returns what happened since the last call.
func (c *changes) take(server types.NamespacedName) change {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.of[server]
	delete(c.of, server)
	return ch
}
