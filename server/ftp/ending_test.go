package ftp_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// endingBackend has sessions that end when their channel is closed.
type endingBackend struct {
	ftp.Backend
	done chan struct{}
}

type endingSession struct {
	ftp.Session
	done chan struct{}
}

func (s endingSession) Done() <-chan struct{} { return s.done }

func (b endingBackend) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	session, err := b.Backend.Login(ctx, c, user, password)
	if err != nil {
		return nil, err
	}
	return endingSession{session, b.done}, nil
}

func TestASessionThatEndsTakesItsConnectionAlong(t *testing.T) {
	t.Parallel()
	backend, rec := endingBackend{done: make(chan struct{})}, &recorder{}
	ts := serve(t, plain, func(s *ftp.Options) {
		backend.Backend = s.Backend
		s.Backend = backend
		rec.hook(s)
	})
	other, idle, busy, left := ts.connect(), ts.login(), ts.login(), ts.login()
	busy.epsv() // nobody connects
	busy.command("RETR f", "550 ...")
	ts.write("/f", "data")
	busy.command("RETR f", "150 ...")
	left.command("USER alice", "331 ...") // has left the session
	left.command("NOOP", "200 ...")
	close(backend.done)
	idle.expect("421 This account ...")
	busy.expect("426 ...")
	busy.expect("421 This account ...")
	idle.expectClosed()
	busy.expectClosed()
	left.command("NOOP", "200 ...")
	other.command("NOOP", "200 ...")
	if r := rec.lastSession(t); r.Reason != "ended" {
		t.Errorf("%+v", r)
	}
}

func TestLoginsOfOneConnectionLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	backend := endingBackend{done: make(chan struct{})}
	ts := serve(t, plain, func(s *ftp.Options) {
		backend.Backend = s.Backend
		s.Backend = backend
	})
	c := ts.login()
	before := runtime.NumGoroutine()
	const logins = 300
	for range logins {
		c.talk(`
			> USER alice
			< 331 ...
			> PASS secret
			< 230 ...`)
	}
	// Other tests run goroutines too, though not as many.
	eventually(t, "the goroutines of earlier logins end", func() bool { return runtime.NumGoroutine() < before+logins/2 })
}
