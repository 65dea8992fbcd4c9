package sftp_test

import (
	"context"
	"io"
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

// faults are where a backend panics. It does so until mended is set.
type faults struct {
	where  string
	mended atomic.Bool
}

func (f *faults) at(here string) {
	if f.where == here && !f.mended.Load() {
		panic("a fault in " + here)
	}
}

type faultyBackend struct {
	sftp.Backend
	*faults
}

func (b faultyBackend) Password(ctx context.Context, c *sftp.Conn, user, password string) (sftp.Account, error) {
	b.at("Password")
	a, err := b.Backend.Password(ctx, c, user, password)
	return faultyAccount{a, b.faults}, err
}

func (b faultyBackend) PublicKey(ctx context.Context, c *sftp.Conn, user string, key ssh.PublicKey) (sftp.Account, error) {
	b.at("PublicKey")
	a, err := b.Backend.PublicKey(ctx, c, user, key)
	return faultyAccount{a, b.faults}, err
}

type faultyAccount struct {
	sftp.Account
	*faults
}

func (a faultyAccount) Login(ctx context.Context, c *sftp.Conn) (sftp.Session, error) {
	a.at("Login")
	session, err := a.Account.Login(ctx, c)
	return faultySession{session, a.faults}, err
}

type faultySession struct {
	sftp.Session
	*faults
}

func (s faultySession) Limits(l sftp.Limits) sftp.Limits {
	s.at("Limits")
	return l
}

func (s faultySession) Done() <-chan struct{} {
	s.at("Done")
	return s.Session.Done()
}

func (s faultySession) Close() error {
	defer s.at("session's Close")
	return s.Session.Close()
}

func (s faultySession) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	s.at("Stat")
	return s.Session.Stat(ctx, name)
}

func (s faultySession) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		defer s.at("the end of a list")
		s.at("List")
		for info, err := range s.Session.List(ctx, name) {
			if !yield(info, err) {
				return
			}
		}
	}
}

func (s faultySession) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (sftp.File, error) {
	s.at("OpenFile")
	f, err := s.Session.OpenFile(ctx, name, flag, perm)
	if err != nil {
		return nil, err
	}
	return faultyFile{f, s.faults}, nil
}

type faultyFile struct {
	sftp.File
	*faults
}

func (f faultyFile) ReadAt(p []byte, at int64) (int, error) {
	f.at("ReadAt")
	if at > 0 {
		f.at("a later ReadAt")
	}
	return f.File.ReadAt(p, at)
}

func (f faultyFile) WriteAt(p []byte, at int64) (int, error) {
	f.at("WriteAt")
	return f.File.WriteAt(p, at)
}

func (f faultyFile) Stat() (fs.FileInfo, error) {
	f.at("a file's Stat")
	return f.File.Stat()
}

func (f faultyFile) Truncate(size int64) error {
	f.at("Truncate")
	return f.File.Truncate(size)
}

func (f faultyFile) Close() error {
	defer f.at("Close")
	return f.File.Close()
}

// The stack of a panic tells who reads.
func TestASmallFileIsReadWithoutWakingAnybodyElse(t *testing.T) {
	t.Parallel()
	for where, now := range map[string]bool{"ReadAt": true, "a later ReadAt": false} {
		f := serve(t, func(f *fixture) { f.options.Backend = faultyBackend{f.options.Backend, &faults{where: where}} })
		f.put("f", "content")
		file, err := f.client().Open("f")
		if err != nil {
			t.Fatal(err)
		}
		file.Read(make([]byte, 3))
		file.Read(make([]byte, 3))
		eventually(t, "the panic", func() bool { return strings.Contains(f.log.String(), "a fault in "+where) })
		if got := strings.Contains(f.log.String(), "readNow"); got != now {
			t.Errorf("%s by whoever serves requests: %v", where, got)
		}
	}
}

// A panic ends the channel or the connection that it happens in, and whatever those
// had open is given back.
func TestAPanicOfABackendCostsOneSessionOnly(t *testing.T) {
	t.Parallel()
	overSFTP := func(do func(*pkgsftp.Client)) func(*ssh.Client) {
		return func(client *ssh.Client) {
			c, err := pkgsftp.NewClient(client)
			if err != nil {
				return
			}
			defer c.Close()
			for range 3 { // files that a session has open when it ends
				if _, err := c.OpenFile("other", 0); err != nil {
					return
				}
			}
			do(c)
		}
	}
	read := overSFTP(func(c *pkgsftp.Client) {
		if f, err := c.Open("f"); err == nil {
			f.Read(make([]byte, 10))
			f.Close()
		}
	})
	readOn := overSFTP(func(c *pkgsftp.Client) {
		if f, err := c.Open("f"); err == nil {
			f.Read(make([]byte, 3))
			f.Read(make([]byte, 3))
			f.Close()
		}
	})
	write := overSFTP(func(c *pkgsftp.Client) {
		if f, err := c.Create("g"); err == nil {
			f.Write([]byte("data"))
			f.Truncate(1)
			f.Close()
		}
	})
	list := overSFTP(func(c *pkgsftp.Client) { c.ReadDir("/") })
	exec := func(command, input string) func(*ssh.Client) {
		return func(client *ssh.Client) {
			s, err := client.NewSession()
			if err != nil {
				return
			}
			defer s.Close()
			s.Stdin = strings.NewReader(input)
			s.Output(command)
		}
	}
	for _, tc := range []struct {
		where string
		do    func(*ssh.Client) // nil if nobody gets as far
	}{
		{"PublicKey", nil}, {"Login", nil},
		{"Done", nil}, {"Limits", nil}, {"session's Close", read},
		{"Stat", overSFTP(func(c *pkgsftp.Client) { c.Stat("f") })},
		{"List", list}, {"the end of a list", list},
		{"OpenFile", read}, {"ReadAt", read}, {"a later ReadAt", readOn}, {"a file's Stat", read},
		{"WriteAt", write}, {"Truncate", write}, {"Close", write}, {"Close", read},
		{"WriteAt", exec("scp -t g", "C0644 4 g\ndata\x00")},
		{"Close", exec("scp -t g", "C0644 4 g\ndata\x00")},
		{"ReadAt", exec("scp -f f", "\x00\x00\x00")},
		{"List", exec("scp -r -f .", "\x00\x00\x00\x00")},
		{"the end of a list", exec("scp -f *", "\x00\x00\x00\x00")},
		{"ReadAt", exec("md5sum f", "")},
		{"hook Login", nil},
		{"hook TransferStart", read}, {"hook TransferEnd", read}, {"hook Disconnect", read},
	} {
		t.Run("in "+tc.where, func(t *testing.T) {
			t.Parallel()
			broken := &faults{where: tc.where}
			f := serve(t, func(f *fixture) {
				f.options.Backend = faultyBackend{f.options.Backend, broken}
				f.options.Limits = sftp.Limits{MaxUserFiles: 8, MaxFiles: 8}
				f.options.Hooks = sftp.Hooks{
					Login:         func(*sftp.Conn, sftp.LoginRecord) { broken.at("hook Login") },
					TransferStart: func(*sftp.Conn, sftp.TransferRecord) { broken.at("hook TransferStart") },
					TransferEnd:   func(*sftp.Conn, sftp.TransferRecord) { broken.at("hook TransferEnd") },
					Disconnect:    func(*sftp.Conn, sftp.SessionRecord) { broken.at("hook Disconnect") },
				}
			})
			f.put("f", "content")
			f.put("other", "content")
			for range 3 {
				done := make(chan struct{})
				go func() {
					defer close(done)
					client, err := f.dial()
					if err == nil && tc.do != nil {
						tc.do(client)
					}
					if err == nil {
						if tc.do == nil {
							client.Wait()
						}
						client.Close()
					}
				}()
				select {
				case <-done:
				case <-time.After(deadline):
					t.Fatal("the client waits for ever")
				}
				eventually(t, "the end of the session", func() bool { return len(f.server.Sessions()) == 0 })
			}
			if log := f.log.String(); !strings.Contains(log, "a fault in") || !strings.Contains(log, "goroutine") {
				t.Errorf("there is no stack in the log: %s", log)
			}
			eventually(t, "files to be given back", func() bool { return f.server.OpenFiles() == 0 })
			broken.mended.Store(true)
			file, err := f.client().Open("f")
			if err != nil {
				t.Fatal("the next session: ", err)
			}
			if got, err := io.ReadAll(file); string(got) != "content" || err != nil {
				t.Errorf("the next session has read %q: %v", got, err)
			}
		})
	}
}
