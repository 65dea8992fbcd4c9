package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/argon2"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

const (
	serverIP     = "127.0.0.1"
	passivePorts = 10 // of a pod by default
	password     = "soak-and-rinse"
	// Users: a well-behaved one, one who misbehaves, one of those who may only
	// read, and one whose hash is memory-hard.
	friendUser, malloryUser, readerUser, argonUser = "friend", "mallory", "reader", "argon"
	largeFile                                      = "large" // in mallory's home
	largeSize                                      = 64 << 20
)

// target is where the server is, for those who connect to it.
type target struct {
	FTP, FTPS, SFTP int
	PassiveFirst    int
}

func (t target) address(port int) string { return net.JoinHostPort(serverIP, strconv.Itoa(port)) }

// server is the process under test.
type server struct {
	target
	http  string
	cmd   *exec.Cmd
	log   string
	group *group
	ended chan struct{}
}

func startServer(ctx context.Context, program, dir string) (*server, error) {
	first, err := freeRange(passivePorts + 6)
	if err != nil {
		return nil, err
	}
	rest := first + passivePorts
	s := &server{
		target: target{FTP: rest, FTPS: rest + 1, SFTP: rest + 2, PassiveFirst: first},
		http:   net.JoinHostPort(serverIP, strconv.Itoa(rest+3)),
		log:    filepath.Join(dir, "log"), ended: make(chan struct{}),
	}
	file, err := writeFiles(dir, s.target, rest+4, rest+5)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if s.group, err = newGroup(memoryLimit); err != nil {
		return nil, err
	}
	// The shell joins the group before it becomes the server, so that all of
	// the server's memory counts.
	s.cmd = exec.Command("/bin/sh", "-c", `echo $$ > "$0/cgroup.procs" && exec "$@"`, s.group.path,
		program, "--config", file, "--http-address", s.http)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.group.remove()
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	for end := time.Now().Add(20 * time.Second); ; {
		resp, err := http.Get("http://" + s.http + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return s, nil
			}
		}
		if ctx.Err() != nil || !s.alive() || time.Now().After(end) {
			s.kill()
			return nil, fmt.Errorf("the server does not become ready:\n%s", s.lastLines())
		}
		pause(ctx, 20*time.Millisecond)
	}
}

func (s *server) alive() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
	s.group.remove()
}

// shutdown ends the server as a kubelet does.
func (s *server) shutdown(within time.Duration) (time.Duration, error) {
	begun := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("ending the server: %w", err)
	}
	select {
	case <-s.ended:
	case <-time.After(within):
		return time.Since(begun), fmt.Errorf("the server has not ended %s after SIGTERM, although its drain has %s", within, acceptFor+drainTimeout)
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		return time.Since(begun), fmt.Errorf("the server ended with exit code %d:\n%s", code, s.lastLines())
	}
	return time.Since(begun), nil
}

func (s *server) lastLines() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b[max(0, len(b)-64<<10):])), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// peakMemory is the most that the group has ever had.
func (s *server) peakMemory() (int64, error) { return s.group.peak() }

// usage is what the server has in use.
type usage struct{ goroutines, descriptors, heap int64 }

// How much more than at the start may be in use at the end: the well-behaved
// user's last connections, what pools keep, and a heap that has not been
// collected of the last scrapes.
var tolerance = usage{goroutines: 20, descriptors: 12, heap: 48 << 20}

func (s *server) usage() (usage, error) {
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Get("http://" + s.http + "/metrics")
	if err != nil {
		return usage{}, err
	}
	defer resp.Body.Close()
	var u usage
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "go_goroutines":
			u.goroutines = int64(n)
		case "process_open_fds":
			u.descriptors = int64(n)
		case "go_memstats_heap_alloc_bytes":
			u.heap = int64(n)
		}
	}
	if u.goroutines == 0 || u.descriptors == 0 || u.heap == 0 {
		return u, errors.New("/metrics lacks goroutines, descriptors or heap")
	}
	return u, nil
}

// rest waits until no more is in use than at the start, or, where there is no
// start, for all of the time, and then returns the least of it. Its requests
// make garbage, by which the collector gets to what the crowd has left.
func (s *server) rest(ctx context.Context, start usage, patience time.Duration) (usage, error) {
	var least usage
	for end := time.Now().Add(patience); time.Now().Before(end); pause(ctx, 2*time.Millisecond) {
		u, err := s.usage()
		if err != nil {
			return u, fmt.Errorf("asking for metrics: %w", err)
		}
		if least == (usage{}) {
			least = u
		}
		least = usage{min(least.goroutines, u.goroutines), min(least.descriptors, u.descriptors), min(least.heap, u.heap)}
		if start != (usage{}) && least.within(start) {
			return least, nil
		}
		if ctx.Err() != nil {
			return least, ctx.Err()
		}
	}
	if start == (usage{}) {
		return least, nil
	}
	return least, fmt.Errorf("%s after the crowd has gone the server has %+v in use, and had %+v before it came", patience, least, start)
}

func (u usage) within(start usage) bool {
	return u.goroutines <= start.goroutines+tolerance.goroutines &&
		u.descriptors <= start.descriptors+tolerance.descriptors &&
		u.heap <= start.heap+tolerance.heap
}

// freeRange finds ports side by side, below those that the kernel gives to
// connections.
func freeRange(n int) (int, error) {
next:
	for first := 20000; first < 30000; first += n {
		for p := first; p < first+n; p++ {
			l, err := net.Listen("tcp", ":"+strconv.Itoa(p))
			if err != nil {
				continue next
			}
			l.Close()
		}
		return first, nil
	}
	return 0, errors.New("there is no range of free ports")
}

// writeFiles makes all that the server reads, and returns the configuration's
// path: that of an empty spec, but for ports, plain FTP and a short drain.
func writeFiles(dir string, t target, ftpData, ftpsData int) (string, error) {
	data := filepath.Join(dir, "data")
	cert, key, host := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "host_key")
	users, err := users()
	if err != nil {
		return "", err
	}
	c := config.Config{
		Version: config.Version,
		Protocols: config.Protocols{
			FTP:  &config.FTP{Port: t.FTP, DataPort: ftpData, TLS: config.TLSOptional},
			FTPS: &config.FTPS{Port: t.FTPS, DataPort: ftpsData},
			SFTP: &config.SFTP{Port: t.SFTP},
		},
		Passive: &config.Passive{Ports: config.PortRange{First: t.PassiveFirst, Last: t.PassiveFirst + passivePorts - 1}, PeerCheck: config.PeerAddress},
		TLS:     &config.TLS{CertFile: cert, KeyFile: key},
		SSH:     &config.SSH{HostKeyFiles: []string{host}},
		Storage: config.Storage{Root: data}, UsersFile: filepath.Join(dir, "users.json"),
		Sessions: config.Sessions{
			IdleTimeout: config.Duration(15 * time.Minute), LoginGrace: config.Duration(time.Minute),
			Ban: config.Ban{Failures: 10, Window: config.Duration(10 * time.Minute), Duration: config.Duration(10 * time.Minute)},
		},
		Drain: config.Drain{AcceptFor: config.Duration(acceptFor), Timeout: config.Duration(drainTimeout)},
	}
	text, err := c.Marshal()
	if err != nil {
		return "", err
	}
	certPEM, keyPEM, hostPEM, err := keys()
	if err != nil {
		return "", err
	}
	home := filepath.Join(data, malloryUser)
	for _, d := range []string{filepath.Join(data, friendUser), home} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", err
		}
	}
	for name, content := range map[string][]byte{
		filepath.Join(dir, "config.json"): text, c.UsersFile: users, cert: certPEM, key: keyPEM, host: hostPEM,
		filepath.Join(home, largeFile): bytes.Repeat([]byte("0123456789abcde\n"), largeSize/16),
	} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return "", err
		}
	}
	for i := range 400 { // what a folder that is open holds in memory
		name := fmt.Sprintf("a file with a name that is rather long, number %d", i)
		if err := os.WriteFile(filepath.Join(home, name), nil, 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "config.json"), nil
}

func users() ([]byte, error) {
	sha, err := shacrypt.New(shacrypt.WithSHA512(), shacrypt.WithIterations(5000)) // as the operator makes them
	if err != nil {
		return nil, err
	}
	argon, err := argon2.New(argon2.WithProfileRFC9106LowMemory())
	if err != nil {
		return nil, err
	}
	file := config.Users{Version: config.Version}
	for _, u := range []struct {
		name, home string
		access     config.Access
		hasher     algorithm.Hash
	}{
		{friendUser, friendUser, config.AccessReadWrite, sha},
		{malloryUser, malloryUser, config.AccessReadWrite, sha},
		{readerUser, malloryUser, config.AccessReadOnly, sha},
		{argonUser, malloryUser, config.AccessReadOnly, argon},
	} {
		digest, err := u.hasher.Hash(password)
		if err != nil {
			return nil, err
		}
		file.Users = append(file.Users, config.User{Name: u.name, PasswordHash: digest.Encode(), Home: u.home, Access: u.access})
	}
	return json.Marshal(file)
}

// keys makes a certificate with its key, and a host key.
func keys() (cert, key, host []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "soak"}, IPAddresses: []net.IP{net.ParseIP(serverIP)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, nil, err
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	block, err := ssh.MarshalPrivateKey(ed, "")
	if err != nil {
		return nil, nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), pem.EncodeToMemory(block), nil
}

// pause waits, unless all is over.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
