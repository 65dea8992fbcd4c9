package sftp_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	pkgsftp "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
	"github.com/fileserver-dev/fileserver-operator/server/sftp/rootfs"
	testfixture "github.com/fileserver-dev/fileserver-operator/test/fixture"
)

// deadline is how long anything in a test may take. It is long because the machine
// may be busy.
const deadline = time.Minute

// A fixture is a server with the user alice, on a directory of its own.
type fixture struct {
	t       *testing.T
	dir     string // what is served
	addr    string
	options sftp.Options
	server  *sftp.Server
	backend *rootfs.Backend
	config  *sftp.ConnConfig
	hostKey ssh.Signer
	key     ssh.Signer // alice's
	log     *syncBuffer
	events  *events
	buffer  int                // of the server's sockets, if not the system's
	pipes   *testfixture.Pipes // that the server listens on, if not on a socket
}

// events are what hooks were told.
type events struct {
	mu        sync.Mutex
	logins    []sftp.LoginRecord
	transfers []sftp.TransferRecord
	started   int
	sessions  []sftp.SessionRecord
}

func (e *events) hooks() sftp.Hooks {
	return sftp.Hooks{
		Login: func(_ *sftp.Conn, r sftp.LoginRecord) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.logins = append(e.logins, r)
		},
		TransferStart: func(*sftp.Conn, sftp.TransferRecord) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.started++
		},
		TransferEnd: func(_ *sftp.Conn, r sftp.TransferRecord) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.transfers = append(e.transfers, r)
		},
		Disconnect: func(_ *sftp.Conn, r sftp.SessionRecord) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.sessions = append(e.sessions, r)
		},
	}
}

// wait waits until f is satisfied, under the lock of the events.
func (e *events) wait(t *testing.T, what string, f func() bool) {
	t.Helper()
	eventually(t, what, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return f()
	})
}

// login waits for the n-th login to be told of, counted from 1.
func (e *events) login(t *testing.T, n int) (r sftp.LoginRecord) {
	t.Helper()
	e.wait(t, "a login", func() bool {
		if len(e.logins) >= n {
			r = e.logins[n-1]
		}
		return len(e.logins) >= n
	})
	return r
}

// session waits for the record of the only session.
func (e *events) session(t *testing.T) sftp.SessionRecord {
	t.Helper()
	var r sftp.SessionRecord
	e.wait(t, "the end of the session", func() bool {
		if len(e.sessions) > 0 {
			r = e.sessions[0]
		}
		return len(e.sessions) > 0
	})
	return r
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// generate makes a key.
func generate(t testing.TB) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer(t, private), private
}

func signer(t testing.TB, private any) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newKey(t testing.TB) ssh.Signer {
	t.Helper()
	s, _ := generate(t)
	return s
}

func newRSAKey(t testing.TB) ssh.Signer {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	return signer(t, private)
}

func newECDSAKey(t testing.TB) ssh.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer(t, private)
}

const password = "correct horse"

// serve starts a server. change may change it before that.
func serve(t *testing.T, change ...func(*fixture)) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir(), hostKey: newKey(t), key: newKey(t), log: &syncBuffer{}, events: &events{}}
	var err error
	if f.backend, err = rootfs.New(f.dir); err != nil {
		t.Fatal(err)
	}
	f.backend.SetUser("alice", &rootfs.User{Password: password, Keys: []ssh.PublicKey{f.key.PublicKey()}})
	f.config = &sftp.ConnConfig{HostKeys: []ssh.Signer{f.hostKey}}
	f.options = sftp.Options{
		Backend: f.backend,
		Config:  func(*sftp.Conn) (*sftp.ConnConfig, error) { return f.config, nil },
		Hooks:   f.events.hooks(),
		Logger:  slog.New(slog.NewTextHandler(f.log, nil)),
	}
	for _, c := range change {
		c(f)
	}
	f.server = sftp.New(f.options)
	ln := net.Listener(f.pipes)
	if f.pipes == nil {
		if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	f.addr = ln.Addr().String()
	if f.buffer > 0 {
		ln = smallListener{ln, f.buffer}
	}
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(ln, sftp.ListenerOptions{Name: "sftp"}) }()
	t.Cleanup(func() {
		f.server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := f.server.Shutdown(ctx); err != nil {
			t.Errorf("sessions were left: %v", err)
		}
		if err := <-served; !errors.Is(err, sftp.ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
		if n := f.backend.Sessions(); n != 0 {
			t.Errorf("%d sessions of the backend were not closed", n)
		}
	})
	return f
}

// inNoTime runs a test whose server and clients live by a clock that goes on by
// itself while all of them wait. serve wants inMemory then.
func inNoTime(t *testing.T, test func(*testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// inMemory has a server listen on pipes.
func inMemory(f *fixture) { f.pipes = testfixture.NewPipes() }

// A smallListener has sockets that keep little of what clients do not read.
type smallListener struct {
	net.Listener
	buffer int
}

func (l smallListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		c.(*net.TCPConn).SetWriteBuffer(l.buffer)
	}
	return c, err
}

// dial connects and logs in as alice, with her key unless methods are given.
func (f *fixture) dial(methods ...ssh.AuthMethod) (*ssh.Client, error) {
	if len(methods) == 0 {
		methods = []ssh.AuthMethod{ssh.PublicKeys(f.key)}
	}
	return f.dialConfig(&ssh.ClientConfig{User: "alice", Auth: methods})
}

func (f *fixture) dialConfig(c *ssh.ClientConfig) (*ssh.Client, error) {
	c.HostKeyCallback = ssh.InsecureIgnoreHostKey()
	c.Timeout = deadline
	if f.pipes == nil {
		client, err := ssh.Dial("tcp", f.addr, c)
		if err == nil {
			f.t.Cleanup(func() { client.Close() })
		}
		return client, err
	}
	conn, err := f.pipes.Dial()
	if err != nil {
		return nil, err
	}
	return f.clientOn(conn, c)
}

// clientOn speaks SSH on a connection.
func (f *fixture) clientOn(conn net.Conn, config *ssh.ClientConfig) (*ssh.Client, error) {
	c, chans, reqs, err := ssh.NewClientConn(conn, f.addr, config)
	if err != nil {
		conn.Close()
		return nil, err
	}
	client := ssh.NewClient(c, chans, reqs)
	f.t.Cleanup(func() { client.Close() })
	return client, nil
}

// setKey makes key the only one of alice's.
func (f *fixture) setKey(key ssh.PublicKey) {
	f.backend.SetUser("alice", &rootfs.User{Password: password, Keys: []ssh.PublicKey{key}})
}

func (f *fixture) keys() []ssh.PublicKey { return []ssh.PublicKey{f.key.PublicKey()} }

// ssh logs in as alice.
func (f *fixture) ssh() *ssh.Client {
	f.t.Helper()
	client, err := f.dial()
	if err != nil {
		f.t.Fatal(err)
	}
	return client
}

// client is an SFTP client of alice's.
func (f *fixture) client() *pkgsftp.Client {
	f.t.Helper()
	c, err := pkgsftp.NewClient(f.ssh())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	return c
}

// put makes a file in what is served.
func (f *fixture) put(name, content string) {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// content returns a file of what is served.
func (f *fixture) content(name string) string {
	f.t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b)
}

func (f *fixture) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(f.dir, name))
	return err == nil
}

// random returns n bytes that no compression or copy makes by accident.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return string(b)
}

// noHostPath fails if a text that a client saw has a path of the host.
func (f *fixture) noHostPath(text string) {
	f.t.Helper()
	if strings.Contains(text, f.dir) || strings.Contains(text, filepath.Base(f.dir)) {
		f.t.Errorf("a path of the host was shown: %q", text)
	}
}
