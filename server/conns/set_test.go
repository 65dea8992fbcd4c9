package conns_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// patience is how long a test waits for what has to happen.
const patience = time.Minute

// conn is a connection of a test. Its fields are closed by what ends it.
type conn struct{ drained, aborted chan struct{} }

func newConn() *conn { return &conn{make(chan struct{}), make(chan struct{})} }

func (c *conn) drain() { close(c.drained) }
func (c *conn) abort() { close(c.aborted) }

func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("never: %s", what)
	}
}

// tired is a listener that fails for a moment before it accepts.
type tired struct {
	net.Listener
	mu       sync.Mutex
	failures int
}

func (l *tired) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failures > 0 {
		l.failures--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestConnectionsAreAcceptedUntilTheSetIsStopped(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var set conns.Set[*conn]
	served := make(chan error, 1)
	go func() {
		served <- set.Serve(&tired{Listener: ln, failures: 2}, slog.New(slog.DiscardHandler), func(nc net.Conn) {
			defer nc.Close()
			nc.Write([]byte("hello"))
		})
	}()
	for range 2 {
		nc, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(nc); string(b) != "hello" {
			t.Errorf("read %q: %v", b, err)
		}
		nc.Close()
	}
	await(t, "an empty set is empty", set.Stop((*conn).abort))
	if err := <-served; !errors.Is(err, conns.ErrServerClosed) {
		t.Errorf("Serve returned %v", err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("the listener is open")
	}
	if err := set.Serve(ln, nil, nil); !errors.Is(err, conns.ErrServerClosed) {
		t.Errorf("Serve of a stopped set returned %v", err)
	}
}

func TestAListenerThatFailsIsReported(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	var set conns.Set[*conn]
	if err := set.Serve(ln, slog.New(slog.DiscardHandler), nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
}

func TestAStoppedSetTakesNobody(t *testing.T) {
	t.Parallel()
	var set conns.Set[*conn]
	a, b := newConn(), newConn()
	if !set.Add(a) || len(set.All()) != 1 {
		t.Fatal("a connection was not taken")
	}
	if first, second := set.NextID(), set.NextID(); first == second {
		t.Errorf("two connections have the ID %v", first)
	}
	empty := set.Stop((*conn).drain)
	await(t, "the drain", a.drained)
	if set.Add(b) || len(set.All()) != 1 {
		t.Error("a connection was taken after the stop")
	}
	select {
	case <-empty:
		t.Error("the set is empty while a connection is there")
	default:
	}
	set.Remove(a)
	await(t, "the set is empty", empty)
}

func TestNoConnectionWaitsForAnotherToEnd(t *testing.T) {
	t.Parallel()
	var set conns.Set[*conn]
	all := []*conn{newConn(), newConn(), newConn()}
	for _, c := range all {
		set.Add(c)
	}
	// Each ends only when all others are about to.
	var meet sync.WaitGroup
	meet.Add(len(all))
	end := func(c *conn) {
		meet.Done()
		meet.Wait()
		set.Remove(c)
	}
	if n := set.End(func(c *conn) bool { return c != nil }, end); n != len(all) {
		t.Errorf("%d end", n)
	}
	await(t, "all end", set.Stop(func(*conn) {}))
	if n := set.End(func(*conn) bool { return true }, nil); n != 0 {
		t.Errorf("%d are left", n)
	}
}

func TestADrainThatTakesTooLongIsCut(t *testing.T) {
	t.Parallel()
	var set conns.Set[*conn]
	quick, slow := newConn(), newConn()
	set.Add(quick)
	set.Add(slow)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- set.Shutdown(ctx, (*conn).drain, (*conn).abort) }()
	await(t, "the drain of one", quick.drained)
	await(t, "the drain of the other", slow.drained)
	set.Remove(quick)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown returned %v", err)
	}
	await(t, "the cut", slow.aborted)
	set.Remove(slow)
	if err := set.Shutdown(context.Background(), (*conn).drain, (*conn).abort); err != nil {
		t.Errorf("Shutdown of an empty set returned %v", err)
	}
	select {
	case <-quick.aborted:
		t.Error("one that had gone was cut")
	default:
	}
}
