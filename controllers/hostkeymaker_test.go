package controllers

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// slowKey takes as long as an RSA key does on a slow machine.
func slowKey() (crypto.PrivateKey, error) {
	time.Sleep(time.Second)
	_, key, err := ed25519.GenerateKey(nil)
	return key, err
}

func server(i int) types.NamespacedName {
	return types.NamespacedName{Namespace: "partners", Name: fmt.Sprintf("files-%d", i)}
}

func TestNobodyWaitsForAHostKeyAndEachServerIsWokenWhenItHasOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		m := newHostKeyMaker(slowKey)
		start := time.Now()
		for i := range 20 {
			if m.keyFor(server(i)) != nil {
				t.Fatal("there is a key before one was made")
			}
			m.keyFor(server(i)) // asking twice makes no two keys
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("to ask for keys took %s", took)
		}
		m.forget(server(7)) // which was deleted
		go func() { _ = m.run(ctx) }()

		seen := map[string]bool{}
		for range 19 {
			woken := <-m.wake
			key, ok := m.keyFor(woken.Object).(ed25519.PrivateKey)
			if !ok || seen[string(key)] || woken.Object == server(7) {
				t.Errorf("%s is woken, and its key is another's, or none", woken.Object)
			}
			seen[string(key)] = true
			m.forget(woken.Object)
		}

		m.keyFor(server(100))
		key, ok := m.keyFor((<-m.wake).Object).(ed25519.PrivateKey)
		if again, _ := m.keyFor(server(100)).(ed25519.PrivateKey); !ok || !again.Equal(key) {
			t.Error("a server that asks again before its key is stored gets another one")
		}

		// One that is forgotten while its key is made leaves nothing behind.
		m.keyFor(server(101))
		time.Sleep(time.Millisecond)
		m.forget(server(101))
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(m.made) != 1 || len(m.waits) != 0 || len(m.waiting) != 0 || len(m.wake) != 0 {
			t.Errorf("remembered are %d keys and %d servers that wait", len(m.made), len(m.waits))
		}
	})
}

func TestTheMakerOfHostKeysEndsWithoutTheKeyThatItIsMaking(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	begun, hold := make(chan bool, 64), make(chan bool)
	defer close(hold)
	m := newHostKeyMaker(func() (crypto.PrivateKey, error) { begun <- true; <-hold; return slowKey() })
	m.keyFor(server(1))
	ended := make(chan error, 1)
	go func() { ended <- m.run(ctx) }()
	<-begun
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
