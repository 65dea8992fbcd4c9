package sftp_test

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	pkgsftp "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
)

// A hungBackend has a file system of which no call returns until it is released.
type hungBackend struct {
	sftp.Backend
	*hungDisk
}

type hungDisk struct {
	released chan struct{}
	waiting  atomic.Int32
}

func (d *hungDisk) wait() {
	d.waiting.Add(1)
	defer d.waiting.Add(-1)
	<-d.released
}

type hungAccount struct {
	sftp.Account
	*hungDisk
}

type hungSession struct {
	sftp.Session
	*hungDisk
}

type hungFile struct {
	sftp.File
	*hungDisk
}

func (b hungBackend) PublicKey(ctx context.Context, c *sftp.Conn, user string, key ssh.PublicKey) (sftp.Account, error) {
	a, err := b.Backend.PublicKey(ctx, c, user, key)
	return hungAccount{a, b.hungDisk}, err
}

func (a hungAccount) Login(ctx context.Context, c *sftp.Conn) (sftp.Session, error) {
	s, err := a.Account.Login(ctx, c)
	return hungSession{s, a.hungDisk}, err
}

func (s hungSession) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	s.wait()
	return s.Session.Stat(ctx, name)
}

func (s hungSession) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	s.wait()
	return s.Session.List(ctx, name)
}

func (s hungSession) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (sftp.File, error) {
	f, err := s.Session.OpenFile(ctx, name, flag, perm)
	return hungFile{f, s.hungDisk}, err
}

func (f hungFile) ReadAt(p []byte, at int64) (int, error) {
	f.wait()
	return f.File.ReadAt(p, at)
}

func (f hungFile) WriteAt(p []byte, at int64) (int, error) {
	f.wait()
	return f.File.WriteAt(p, at)
}

func TestNoCallThatADiskDoesNotReturnFromKeepsAConnection(t *testing.T) {
	t.Parallel()
	overSFTP := func(do func(*pkgsftp.Client)) func(*ssh.Client) {
		return func(client *ssh.Client) {
			if c, err := pkgsftp.NewClient(client); err == nil {
				do(c)
			}
		}
	}
	exec := func(command, input string) func(*ssh.Client) {
		return func(client *ssh.Client) {
			if s, err := client.NewSession(); err == nil {
				s.Stdin = strings.NewReader(input)
				s.Output(command)
			}
		}
	}
	for how, end := range map[string]func(*testing.T, *fixture){
		"an end of the session": func(_ *testing.T, f *fixture) {
			f.server.EndSessions(func(sftp.SessionInfo) bool { return true }, "Bye")
		},
		"a shutdown": func(t *testing.T, f *fixture) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := f.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Shutdown: %v", err)
			}
		},
	} {
		for name, do := range map[string]func(*ssh.Client){
			"STAT":     overSFTP(func(c *pkgsftp.Client) { c.Stat("f") }),
			"OPENDIR":  overSFTP(func(c *pkgsftp.Client) { c.ReadDir("/") }),
			"READ":     overSFTP(func(c *pkgsftp.Client) { f, _ := c.Open("f"); f.Read(make([]byte, 4)) }),
			"WRITE":    overSFTP(func(c *pkgsftp.Client) { f, _ := c.Create("g"); f.Write([]byte("data")) }),
			"md5sum":   exec("md5sum f", ""),
			"scp -t":   exec("scp -t .", "C0644 4 g\ndata\x00"),
			"scp -f":   exec("scp -f f", "\x00\x00\x00"),
			"scp -f *": exec("scp -f *", "\x00\x00\x00"),
		} {
			t.Run(name+" and "+how, func(t *testing.T) {
				t.Parallel()
				d := &hungDisk{released: make(chan struct{})}
				f := serve(t, func(f *fixture) { f.options.Backend = hungBackend{f.options.Backend, d} })
				f.put("f", "content")
				client := f.ssh()
				gone := make(chan struct{})
				go func() {
					defer close(gone)
					do(client)
					client.Wait()
				}()
				eventually(t, "the call", func() bool { return d.waiting.Load() > 0 })
				end(t, f)
				select {
				case <-gone:
				case <-time.After(deadline):
					t.Error("the connection is open")
				}
				close(d.released)
				eventually(t, "the session to be gone", func() bool { return len(f.server.Sessions()) == 0 })
			})
		}
	}
}
