//go:build e2e

// Package large moves files of many GiB to a bucket and from it, kills clients and server
// on the way, and lists folders of many objects. It needs a disk with room for three such files.
package large

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

const user, password = "alice", "right"

// A fileserver is the real server, with its files in a bucket of versitygw.
type fileserver struct {
	*fixture.Process
	t      *testing.T
	store  *fixture.Store
	dir    string
	binary string
	ports  fixture.Ports
	most   int64 // bytes of memory that it had at once
}

func start(t *testing.T) *fileserver {
	t.Helper()
	program := os.Getenv("VERSITYGW")
	if program == "" {
		t.Fatal("VERSITYGW is not set to the path of versitygw: `make bucket-large` builds it")
	}
	dir, err := os.MkdirTemp("/var/tmp", "bucket-large-") //nolint:usetesting // on a disk
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &fileserver{t: t, dir: dir}
	if s.store, err = fixture.StartGateway(t.Context(), program, filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.store.Stop)
	if s.ports, err = fixture.FreePorts(100); err != nil {
		t.Fatal(err)
	}
	if s.binary, err = fixture.Build(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	c := fixture.Config(dir, s.ports)
	c.Storage = config.Storage{Bucket: s.store.Config(), AtomicUploads: true}
	if err := errors.Join(fixture.WriteKeys(dir, fixture.NewCertificate(), fixture.NewSSHKey()),
		fixture.WriteConfig(dir, c, fixture.User(user, password))); err != nil {
		t.Fatal(err)
	}
	s.run()
	t.Cleanup(s.Kill)
	return s
}

func (s *fileserver) run() {
	s.t.Helper()
	var err error
	if s.Process, err = fixture.Start(s.t.Context(), s.binary, s.dir, s.ports.HTTP); err != nil {
		s.t.Fatal(err)
	}
}

// restart kills the server, as a node that fails does, and starts another.
func (s *fileserver) restart() {
	s.t.Helper()
	s.memory()
	s.Kill()
	s.run()
}

// memory is how much the server has had at once, in bytes.
func (s *fileserver) memory() int64 {
	s.most = max(s.most, s.status("VmHWM:"))
	return s.most
}

// status is a line of the process's status, in bytes.
func (s *fileserver) status(name string) int64 {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), name)
	kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return kib << 10
}

// forgetMost has the server's memory measured from now on.
func (s *fileserver) forgetMost() {
	s.t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.Cmd.Process.Pid), []byte("5"), 0); err != nil {
		s.t.Fatal(err)
	}
}

// A client is one of FTP that can be killed.
type client struct {
	*ftp.ServerConn
	mu    sync.Mutex
	conns []*net.TCPConn
}

func (s *fileserver) connect(ctx context.Context) *client {
	s.t.Helper()
	c := &client{}
	dial := func(network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{Timeout: time.Minute}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.conns = append(c.conns, conn.(*net.TCPConn))
		return conn, nil
	}
	var err error
	if c.ServerConn, err = ftp.Dial(fixture.Address(s.ports.FTP), ftp.DialWithDialFunc(dial)); err == nil {
		err = c.Login(user, password)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// kill ends all connections as the kernel of a machine does that has lost the program.
func (c *client) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.SetLinger(0)
		conn.Close()
	}
}
