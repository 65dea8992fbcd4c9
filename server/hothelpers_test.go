package server

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

type randReader struct{}

func (randReader) Read(b []byte) (int, error) { return rand.Read(b) }

// ownPorts has the server listen on its passive range, as it does in a pod.
func ownPorts(i *instance) { i.ownPorts = true }

// freeRange is a range of ports that nobody listened on a moment ago.
func freeRange(t *testing.T, n int) config.PortRange {
	t.Helper()
	for range 100 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := first.Addr().(*net.TCPAddr).Port
		free := port+n <= 65535
		for p := port + 1; free && p < port+n; p++ {
			l, err := net.Listen("tcp", fmt.Sprintf(":%d", p))
			if free = err == nil; free {
				l.Close()
			}
		}
		first.Close()
		if free {
			return config.PortRange{First: port, Last: port + n - 1}
		}
	}
	t.Fatal("there is no range of free ports")
	return config.PortRange{}
}

// otherCertificate has the server use other files.
func otherCertificate(t *testing.T) {
	i := start(t)
	before := i.loaded().TLS
	i.config.TLS = &config.TLS{CertFile: filepath.Join(i.dir, "other.crt"), KeyFile: filepath.Join(i.dir, "other.key")}
	writeCertificate(t, i.config.TLS)
	i.reloadFiles()
	conn, err := tls.Dial("tcp", i.addrs["990"], insecure)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if now := i.loaded().TLS; now == before || now != config.Hash(conn.ConnectionState().PeerCertificates[0].Raw) {
		t.Errorf("%s is said to be in force", now)
	}
}

// dialWith connects to SFTP as alice.
func (i *instance) dialWith(change func(*ssh.ClientConfig)) ssh.NegotiatedAlgorithms {
	i.t.Helper()
	conf := &ssh.ClientConfig{User: "alice", Auth: []ssh.AuthMethod{ssh.Password("right")}, HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	change(conf)
	c, err := ssh.Dial("tcp", i.addrs["22"], conf)
	if err != nil {
		i.t.Fatal(err)
	}
	defer c.Close()
	return c.Conn.(ssh.AlgorithmsConnMetadata).Algorithms()
}

// algorithm is a test of a list of algorithms.
func algorithm(change func(*config.SSHAlgorithms), read func(ssh.NegotiatedAlgorithms) string, want string) func(*testing.T) {
	return func(t *testing.T) {
		i := start(t)
		change(&i.config.SSH.Algorithms)
		i.reloadFiles()
		if got := read(i.dialWith(func(*ssh.ClientConfig) {})); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// modes is a test of what new files and folders have.
func modes(t *testing.T) {
	i := start(t)
	i.config.Storage.Umask = "0027"
	i.reloadFiles()
	i.user("alice").put("STOR masked", "x")
	i.config.Storage.FileMode, i.config.Storage.FolderMode = "0604", "0705"
	i.reloadFiles()
	c := i.user("alice")
	c.put("STOR set", "x")
	c.command("MKD folder", "257")
	for name, want := range map[string]string{"masked": "-rw-r-----", "set": "-rw----r--", "folder": "drwx---r-x"} {
		info, err := os.Stat(filepath.Join(i.config.Storage.Root, "alice", name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().String(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// sessions is a test of a limit that allows one session.
func sessions(change func(*config.Sessions)) func(*testing.T) {
	return func(t *testing.T) {
		i := start(t)
		i.user("alice")
		i.user("alice")
		change(&i.config.Sessions)
		i.reloadFiles()
		for name, login := range map[string]func() error{"ftp": i.byFTP, "ftps": i.byFTPS, "sftp": i.bySFTP} {
			if login() == nil {
				t.Errorf("%s: there is no limit", name)
			}
		}
	}
}

// slow is a test of something that should take about two seconds.
func slow(t *testing.T, f func()) {
	t.Helper()
	began := time.Now()
	f()
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("it took %v only", took)
	}
}

// fail tries to log in with a wrong password.
func (i *instance) fail() {
	i.t.Helper()
	c := i.control()
	c.command("USER alice", "331")
	c.command("PASS wrong", "530")
}

// listAll lists the folder.
func (c *control) listAll() string {
	c.i.t.Helper()
	data := c.data()
	c.command("LIST", "150")
	b, err := io.ReadAll(data)
	if err != nil {
		c.i.t.Fatal(err)
	}
	c.reply("226")
	return strings.TrimSpace(string(b))
}
