package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

// deadline is for anything that should happen at once. It is long because the
// machine may be busy.
const deadline = 60 * time.Second

// instance is a server that runs, with its files.
type instance struct {
	t         *testing.T
	dir       string
	config    *config.Config
	users     *config.Users
	addrs     map[string]string // by the port in the configuration
	logs      *syncBuffer
	trail     *syncBuffer
	wait      time.Duration // for headers of the PROXY protocol
	maxEvents int           // that may be undelivered
	ownPorts  bool          // passive ports are those of the configuration
	server    *Server
	stop      context.CancelFunc
	done      chan error
}

// start runs a server with user alice, password "right", after change.
func start(t *testing.T, change ...func(*instance)) *instance {
	t.Helper()
	i := &instance{t: t, dir: t.TempDir(), addrs: map[string]string{}, logs: &syncBuffer{}, trail: &syncBuffer{}, done: make(chan error, 1)}
	// Ports are names here: Listen chooses others.
	i.config = fixture.Config(i.dir, fixture.Ports{
		FTP: 21, FTPData: 20, FTPS: 990, FTPSData: 989, SFTP: 22, Passive: config.PortRange{First: 50000, Last: 50009},
	})
	i.config.Drain.Timeout = config.Duration(deadline)
	i.users = &config.Users{Version: config.Version, Users: []config.User{user(t, "alice")}}
	if err := os.Mkdir(i.config.Storage.Root, 0o755); err != nil {
		t.Fatal(err)
	}
	writeCertificate(t, i.config.TLS)
	writeHostKey(t, i.config.SSH.HostKeyFiles[0])
	for _, f := range change {
		f(i)
	}
	i.write()
	i.run()
	return i
}

func user(t *testing.T, name string) config.User { return fixture.User(name, "right") }

// write writes the files as they are in the instance.
func (i *instance) write() {
	i.t.Helper()
	for name, v := range map[string]interface{ Marshal() ([]byte, error) }{"config.json": i.config, "users.json": i.users} {
		b, err := v.Marshal()
		if err != nil {
			i.t.Fatal(err)
		}
		i.replace(name, b)
	}
}

// replace changes a file at once, as the kubelet does.
func (i *instance) replace(name string, b []byte) {
	i.t.Helper()
	tmp := filepath.Join(i.dir, name+".new")
	if err := errors.Join(os.WriteFile(tmp, b, 0o600), os.Rename(tmp, filepath.Join(i.dir, name))); err != nil {
		i.t.Fatal(err)
	}
}

func (i *instance) run() {
	i.t.Helper()
	var mu sync.Mutex
	opts := Options{
		ConfigPath:     filepath.Join(i.dir, "config.json"),
		HTTPAddress:    ":http",
		AdminAddress:   ":admin",
		Logger:         slog.New(slog.NewJSONHandler(i.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Stdout:         i.trail,
		anyPassivePort: !i.ownPorts,
		headerWait:     i.wait,
		maxEvents:      i.maxEvents,
		Listen: func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, "127.0.0.1:0")
			if err == nil {
				mu.Lock()
				i.addrs[strings.TrimPrefix(address, ":")] = l.Addr().String()
				mu.Unlock()
			}
			return l, err
		},
	}
	s, err := New(opts)
	if err != nil {
		i.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	i.server, i.stop = s, stop
	go func() { i.done <- s.Run(ctx) }()
	i.t.Cleanup(func() {
		stop()
		select {
		case err := <-i.done:
			if err != nil {
				i.t.Errorf("the server ended with %v", err)
			}
		case <-time.After(2 * deadline):
			i.t.Error("the server did not end")
		}
		if i.t.Failed() {
			i.t.Logf("log:\n%s\naudit trail:\n%s", i.logs, i.trail)
		}
	})
	i.eventually("ready", func() error {
		if !s.ready.Load() {
			return errors.New("not ready")
		}
		return nil
	})
}

// eventually waits until f finds nothing wrong.
func (i *instance) eventually(what string, f func() error) {
	i.t.Helper()
	end := time.Now().Add(deadline)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			i.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (i *instance) get(path string) (string, error) {
	resp, err := http.Get("http://" + i.addrs["http"] + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, b)
	}
	return string(b), err
}

func (i *instance) loaded() (l config.Loaded) {
	i.t.Helper()
	body, err := i.get(config.PathConfig)
	if err == nil {
		err = json.Unmarshal([]byte(body), &l)
	}
	if err != nil {
		i.t.Fatal(err)
	}
	return l
}

func (i *instance) ftp(port string, opts ...ftp.DialOption) (*ftp.ServerConn, error) {
	c, err := ftp.Dial(i.addrs[port], append(opts, ftp.DialWithTimeout(deadline))...)
	if err != nil {
		return nil, err
	}
	i.t.Cleanup(func() { c.Quit() })
	return c, nil
}

// login returns a session of alice without TLS.
func (i *instance) login() *ftp.ServerConn {
	i.t.Helper()
	c, err := i.ftp("21")
	if err == nil {
		err = c.Login("alice", "right")
	}
	if err != nil {
		i.t.Fatal(err)
	}
	return c
}

func writeCertificate(t *testing.T, files *config.TLS) {
	t.Helper()
	if err := fixture.NewCertificate().Write(files.CertFile, files.KeyFile); err != nil {
		t.Fatal(err)
	}
}

func writeHostKey(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(name, fixture.NewSSHKey().PEM, 0o600); err != nil {
		t.Fatal(err)
	}
}

// syncBuffer is a bytes.Buffer for several goroutines.
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

var insecure = &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(8)}
