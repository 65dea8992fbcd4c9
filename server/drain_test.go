package server

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// A drain keeps its time, whatever clients do.
func TestADrainKeepsItsTime(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	i := start(t, func(i *instance) { i.config.Drain.Timeout = config.Duration(timeout) })
	// An upload that never ends.
	c := i.user("alice")
	data := c.data()
	c.command("STOR f", "150")
	data.Write([]byte("half"))
	// Channels whose replies are not read, and one connection that says nothing.
	secure, err := i.dial("alice", ssh.Password("right"))
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	for range 4 {
		ch, reqs, err := secure.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(reqs)
		if _, err := ch.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"})); err != nil {
			t.Fatal(err)
		}
		ch.Write([]byte{0, 0, 0, 5, 1, 0, 0, 0, 3})
	}
	silent, err := net.Dial("tcp", i.addrs["990"])
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	began := time.Now()
	i.stop()
	select {
	case err := <-i.done:
		i.done <- err // for the cleanup
		if took := time.Since(began); took > timeout+20*time.Second {
			t.Errorf("it took %v", took)
		}
	case <-time.After(deadline):
		t.Fatal("the server does not end")
	}
}

func TestWhatHangsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	if within(10*time.Millisecond, func() { <-release }) {
		t.Error("what hangs is said to have ended")
	}
	if !within(deadline, func() {}) {
		t.Error("what has ended is said to hang")
	}
}

func TestAPanicIsContained(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	s := &Server{log: slog.New(slog.NewJSONHandler(&log, nil))}
	err := s.contain("trying", func() error { panic("boom") })
	if err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("got %v", err)
	}
	if want := errors.New("other"); !errors.Is(s.contain("trying", func() error { return want }), want) {
		t.Error("an error is lost")
	}
	if line := log.String(); !strings.Contains(line, `"doing":"trying"`) || !strings.Contains(line, "drain_test.go") {
		t.Errorf("logged is %s", line)
	}
}
