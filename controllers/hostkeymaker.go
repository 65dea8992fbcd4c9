package controllers

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"runtime"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

const rsaBits = 3072

func newRSAKey() (crypto.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, rsaBits) }

// hostKeyMaker makes the RSA host keys of the servers that ask for one, beside the
// workers. Each takes a processor for the better part of a second, for which no
// server must wait in a pass.
type hostKeyMaker struct {
	make func() (crypto.PrivateKey, error)
	// wake gets the servers that waited for a key and have one now.
	wake chan event.TypedGenericEvent[types.NamespacedName]

	mu      sync.Mutex
	wanted  *sync.Cond
	waiting []types.NamespacedName // the longest first; some may have been forgotten
	waits   map[types.NamespacedName]bool
	made    map[types.NamespacedName]crypto.PrivateKey
}

func newHostKeyMaker(makeKey func() (crypto.PrivateKey, error)) *hostKeyMaker {
	m := &hostKeyMaker{
		make:  makeKey,
		wake:  make(chan event.TypedGenericEvent[types.NamespacedName], 1024),
		waits: map[types.NamespacedName]bool{},
		made:  map[types.NamespacedName]crypto.PrivateKey{},
	}
	m.wanted = sync.NewCond(&m.mu)
	return m
}

// keyFor is the key of a server that has none. It is nil while there is no key; the
// server is woken when there is. The key is the server's until it is forgotten.
func (m *hostKeyMaker) keyFor(server types.NamespacedName) crypto.PrivateKey {
	m.mu.Lock()
	defer m.mu.Unlock()
	key, ok := m.made[server]
	if !ok && !m.waits[server] {
		m.waits[server] = true
		m.waiting = append(m.waiting, server)
		m.wanted.Signal()
	}
	return key
}

// forget forgets a server that has its key stored, that wants none any more, or that
// is gone.
func (m *hostKeyMaker) forget(server types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.made, server)
	delete(m.waits, server)
}

// run makes keys until ctx is done, on half of the processors at most. It does not
// wait for a key that is being made then: on a busy machine that takes longer than an
// operator has for its end.
func (m *hostKeyMaker) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		m.mu.Lock() // else one that is about to wait would miss it
		defer m.mu.Unlock()
		m.wanted.Broadcast()
	})
	defer stop()
	failed := make(chan error, runtime.GOMAXPROCS(0))
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		go func() {
			for {
				server, ok := m.next(ctx)
				if !ok {
					return
				}
				key, err := m.make()
				if err != nil {
					failed <- fmt.Errorf("making an RSA host key: %w", err)
					return
				}
				m.deliver(ctx, server, key)
			}
		}()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// next waits for the server that has waited longest; false: there is no more need of
// any key.
func (m *hostKeyMaker) next(ctx context.Context) (types.NamespacedName, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ctx.Err() == nil {
		if len(m.waiting) == 0 {
			m.wanted.Wait()
			continue
		}
		server := m.waiting[0]
		m.waiting = m.waiting[1:]
		if m.waits[server] {
			return server, true
		}
	}
	return types.NamespacedName{}, false
}

// deliver gives a server its key, unless it was forgotten meanwhile.
func (m *hostKeyMaker) deliver(ctx context.Context, server types.NamespacedName, key crypto.PrivateKey) {
	m.mu.Lock()
	waits := m.waits[server]
	if waits {
		delete(m.waits, server)
		m.made[server] = key
	}
	m.mu.Unlock()
	if !waits {
		return
	}
	select {
	case m.wake <- event.TypedGenericEvent[types.NamespacedName]{Object: server}:
	case <-ctx.Done():
	}
}
