package ftp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

// patience is how long a test waits for anything before it fails. It is long
// because the machine may be busy.
const patience = 60 * time.Second

// A testServer serves one user, alice with the password "secret".
type testServer struct {
	*ftp.Server
	t  *testing.T
	fs *files
	// settings are in force; set changes them.
	settings ftp.Settings
	addr     string
	log      *logBuffer
	// pipes are what the server listens on, if not on a socket.
	pipes *fixture.Pipes
}

// inMemory has a server listen on pipes. Control connections need no more.
const inMemory = ""

// inNoTime runs a test whose server and clients live by a clock that goes on by
// itself while all of them wait. The server has to be in memory then.
func inNoTime(t *testing.T, test func(*testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// serve starts a server, which change may change before.
func serve(t *testing.T, opts ftp.ListenerOptions, change func(*ftp.Options)) *testServer {
	t.Helper()
	return serveOn(t, "127.0.0.1:0", opts, change)
}

func serveOn(t *testing.T, listen string, opts ftp.ListenerOptions, change func(*ftp.Options)) *testServer {
	t.Helper()
	ts := &testServer{t: t, fs: newFiles(t), log: &logBuffer{}}
	options := ftp.Options{
		Backend:   ts.fs,
		TLSConfig: ftp.StaticTLS(serverTLS()),
		Logger:    slog.New(slog.NewTextHandler(ts.log, nil)),
	}
	if opts.Name == plain.Name {
		options.TLS = ftp.TLSOptional
	}
	if change != nil {
		change(&options)
	}
	ts.Server, ts.settings = ftp.New(options), options.Settings
	if listen == inMemory {
		ts.pipes = fixture.NewPipes()
		go ts.Serve(ts.pipes, opts)
	} else {
		ts.addr = ts.listen(listen, opts)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		ts.Close()
		if err := ts.Shutdown(ctx); err != nil {
			t.Errorf("sessions are left after Close: %v", err)
		}
	})
	return ts
}

// listen serves on another listener.
func (ts *testServer) listen(addr string, opts ftp.ListenerOptions) string {
	ts.t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		ts.t.Fatal(err)
	}
	go ts.Serve(ln, opts)
	return ln.Addr().String()
}

// plain is a listener of a server that needs no TLS, unless a test says otherwise.
var plain = ftp.ListenerOptions{Name: "ftp"}

// set changes settings while the server runs.
func (ts *testServer) set(change func(*ftp.Settings)) {
	change(&ts.settings)
	ts.Set(ts.settings)
}

// requireTLS ends all sessions that are without.
func (ts *testServer) requireTLS() { ts.set(func(s *ftp.Settings) { s.TLS = ftp.TLSRequired }) }

// write puts a file into alice's file system.
func (ts *testServer) write(name, data string) {
	ts.t.Helper()
	if err := ts.fs.write(name, []byte(data)); err != nil {
		ts.t.Fatal(err)
	}
}

func (ts *testServer) read(name string) string {
	ts.t.Helper()
	data, err := ts.fs.root.ReadFile(local(name))
	if err != nil {
		ts.t.Fatalf("%s: %v", name, err)
	}
	return string(data)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// logBuffer collects log lines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serverTLS is a configuration with a certificate for ftp.example.com.
var serverTLS = sync.OnceValue(func() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certificate("ftp.example.com")}}
})

func certificate(name string) tls.Certificate { return fixture.NewCertificate(name).TLS }

// clientTLS returns a configuration whose sessions can be resumed.
func clientTLS(version uint16) *tls.Config {
	return &tls.Config{
		ServerName: "ftp.example.com", InsecureSkipVerify: true,
		MinVersion: version, MaxVersion: version,
		ClientSessionCache: tls.NewLRUClientSessionCache(100),
	}
}

// ownAddress returns a loopback address that no other test uses, so that a
// range of ports on it is free.
func ownAddress() netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(1 + mathrand.IntN(250)), byte(mathrand.IntN(256)), byte(1 + mathrand.IntN(250))})
}
