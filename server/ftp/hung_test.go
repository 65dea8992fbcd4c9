package ftp_test

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// A hungBackend has a file system of which no call returns until it is released.
type hungBackend struct {
	ftp.Backend
	*disk
}

type hungSession struct {
	ftp.Session
	*disk
}

func (b hungBackend) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	session, err := b.Backend.Login(ctx, c, user, password)
	return hungSession{session, b.disk}, err
}

func (s hungSession) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	s.wait()
	return s.Session.Stat(ctx, name)
}

func (s hungSession) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	s.wait()
	return s.Session.List(ctx, name)
}

func (s hungSession) OpenFile(ctx context.Context, name string, flag int) (ftp.File, error) {
	s.wait()
	return s.Session.OpenFile(ctx, name, flag)
}

func (s hungSession) Mkdir(ctx context.Context, name string) error {
	s.wait()
	return s.Session.Mkdir(ctx, name)
}

func TestNoCallThatADiskDoesNotReturnFromKeepsAConnection(t *testing.T) {
	t.Parallel()
	for how, end := range map[string]func(*testing.T, *testServer){
		"an end of the session": func(_ *testing.T, ts *testServer) {
			ts.requireTLS()
		},
		"a shutdown": func(t *testing.T, ts *testServer) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := ts.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Shutdown: %v", err)
			}
		},
	} {
		for _, command := range []string{"SIZE f", "CWD d", "STAT /", "MLST f", "LIST", "NLST *", "MLSD", "RETR f", "STOR g", "HASH f", `COMB "g" "f"`, "MKD d", "DSIZ /", "RNFR f"} {
			t.Run(command+" and "+how, func(t *testing.T) {
				t.Parallel()
				d := &disk{released: make(chan struct{})}
				ts := serve(t, plain, func(s *ftp.Options) { s.Backend = hungBackend{s.Backend, d} })
				ts.write("/f", "data")
				c := ts.login()
				c.data(c.epsv())
				c.send(command)
				eventually(t, "the call", func() bool { return d.waiting.Load() > 0 })
				began := time.Now()
				end(t, ts)
				c.conn.SetReadDeadline(time.Now().Add(patience))
				for {
					if _, err := c.conn.Read(make([]byte, 512)); isTimeout(err) {
						t.Fatal("the connection is open")
					} else if err != nil {
						break
					}
				}
				if took := time.Since(began); took > 15*time.Second {
					t.Errorf("it took %v", took)
				}
				close(d.released)
				eventually(t, "the session is gone", func() bool { return len(ts.Sessions()) == 0 })
			})
		}
	}
}
