package ftp_test

import (
	"context"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// waitingBackend takes a login when its context ends.
type waitingBackend struct {
	ftp.Backend
	waits, gone chan struct{}
}

func (b waitingBackend) Login(ctx context.Context, _ *ftp.Conn, _, _ string) (ftp.Session, error) {
	close(b.waits)
	<-ctx.Done()
	close(b.gone)
	return nil, ftp.ErrLoginFailed
}

func TestALoginThatWaitsLearnsThatItsClientHasLeft(t *testing.T) {
	t.Parallel()
	backend := waitingBackend{waits: make(chan struct{}), gone: make(chan struct{})}
	ts := serve(t, plain, func(s *ftp.Options) {
		backend.Backend = s.Backend
		s.Backend = backend
	})
	c := ts.connect()
	c.command("USER alice", "331 ...")
	c.sendRaw("PASS secret\r\nNOOP\r\n") // what waits to be read does not hide the end
	<-backend.waits
	select {
	case <-backend.gone:
		t.Fatal("a client that is there is said to have left")
	case <-time.After(200 * time.Millisecond):
	}
	c.conn.Close()
	select {
	case <-backend.gone:
	case <-time.After(patience):
		t.Error("the login waits on for nobody")
	}
}
