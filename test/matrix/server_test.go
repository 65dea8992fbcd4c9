//go:build e2e

package matrix

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
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

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

const (
	host     = "127.0.0.1"
	password = "correct-horse"
	passive  = 100 // ports for passive connections
)

func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// server is the file server, as a process, with its files.
type server struct {
	dir             string
	ftp, ftps, sftp int
	caFile          string
	keyFile         string // the private key that all users have
	knownHosts      string
	hostKey         ssh.PublicKey
	http            int
	process         *exec.Cmd
	ended           chan error
}

func build(ctx context.Context) (string, error) {
	binary := filepath.Join(base, "fileserver")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/fileserver-dev/fileserver-operator/cmd/fileserver")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, out)
	}
	return binary, nil
}

// start runs a server with a user for each row, and waits until it is ready.
func start(ctx context.Context, binary, dir string, oldSSH bool) (*server, error) {
	s := &server{
		dir: dir, caFile: filepath.Join(dir, "tls.crt"), keyFile: filepath.Join(dir, "key"),
		knownHosts: filepath.Join(dir, "known_hosts"), ended: make(chan error, 1),
	}
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		return nil, err
	}
	if err := s.configure(oldSSH); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.process = exec.Command(binary, "-"+config.FlagConfig, filepath.Join(dir, "config.json"),
		"-"+config.FlagHTTPAddress, address(s.http))
	s.process.Stdout, s.process.Stderr = log, log
	// Nothing is left running should the test be killed.
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	go func() { s.ended <- s.process.Wait() }()
	return s, s.waitReady(ctx)
}

func (s *server) waitReady(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address(s.http)+config.PathReady, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-s.ended:
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.ended <- err
			return fmt.Errorf("it ended: %w\n%s", err, log)
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (s *server) stop() {
	s.process.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.ended:
		if err != nil {
			fmt.Fprintln(os.Stderr, "matrix: the server ended with", err)
		}
	case <-time.After(20 * time.Second):
		s.process.Process.Kill()
		<-s.ended
	}
}

// logOf is what the server logged last of a user.
func (s *server) logOf(user string) string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	var lines []string
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, `"`+user+`"`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-6):], "")
}

func (s *server) home(user string) string { return filepath.Join(s.dir, "data", user) }

func (s *server) configure(oldSSH bool) error {
	ports, err := freePorts(6)
	if err != nil {
		return err
	}
	s.ftp, s.ftps, s.sftp, s.http = ports[0], ports[1], ports[2], ports[3]
	first, err := freeRange(passive)
	if err != nil {
		return err
	}
	c := &config.Config{
		Version: config.Version,
		Protocols: config.Protocols{
			FTP:  &config.FTP{Port: s.ftp, DataPort: ports[4], TLS: config.TLSOptional},
			FTPS: &config.FTPS{Port: s.ftps, DataPort: ports[5]},
			SFTP: &config.SFTP{Port: s.sftp},
		},
		Passive:   &config.Passive{Ports: config.PortRange{First: first, Last: first + passive - 1}},
		TLS:       &config.TLS{CertFile: s.caFile, KeyFile: filepath.Join(s.dir, "tls.key")},
		SSH:       &config.SSH{HostKeyFiles: []string{filepath.Join(s.dir, "host_key")}},
		Storage:   config.Storage{Root: filepath.Join(s.dir, "data")},
		UsersFile: filepath.Join(s.dir, "users.json"),
		Drain:     config.Drain{AcceptFor: config.Duration(time.Millisecond), Timeout: config.Duration(5 * time.Second)},
	}
	if oldSSH {
		c.SSH.Algorithms = config.SSHAlgorithms{
			KeyExchanges: []string{"diffie-hellman-group14-sha1"}, Ciphers: []string{"aes128-cbc"},
			MACs: []string{"hmac-sha1"}, HostKeys: []string{"ssh-rsa"},
		}
	}
	key, err := s.makeKeys(c.TLS, c.SSH.HostKeyFiles[0], oldSSH)
	if err != nil {
		return err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		return err
	}
	users := &config.Users{Version: config.Version}
	for _, name := range userNames() {
		users.Users = append(users.Users, config.User{
			Name: name, PasswordHash: string(hash), AuthorizedKeys: []string{key}, Home: name, Access: config.AccessReadWrite,
		})
	}
	for name, v := range map[string]interface{ Marshal() ([]byte, error) }{"config.json": c, "users.json": users} {
		b, err := v.Marshal()
		if err == nil {
			err = os.WriteFile(filepath.Join(s.dir, name), b, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// makeKeys writes the certificate, the host key and the key of the users, and
// returns the last as a line of authorized_keys.
func (s *server) makeKeys(files *config.TLS, hostKeyFile string, oldSSH bool) (string, error) {
	tlsKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "matrix"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.ParseIP(host)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, tlsKey.Public(), tlsKey)
	if err != nil {
		return "", err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(tlsKey)
	if err != nil {
		return "", err
	}
	_, userKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	var hostKey crypto.PrivateKey
	if oldSSH {
		hostKey, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		_, hostKey, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		return "", err
	}
	hostBlock, err := ssh.MarshalPrivateKey(hostKey, "")
	if err != nil {
		return "", err
	}
	userBlock, err := ssh.MarshalPrivateKey(userKey, "")
	if err != nil {
		return "", err
	}
	hostSigner, err := ssh.NewSignerFromKey(hostKey)
	if err != nil {
		return "", err
	}
	userSigner, err := ssh.NewSignerFromKey(userKey)
	if err != nil {
		return "", err
	}
	s.hostKey = hostSigner.PublicKey()
	known := fmt.Sprintf("[%s]:%d %s", host, s.sftp, ssh.MarshalAuthorizedKey(s.hostKey))
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(userSigner.PublicKey()))), errors.Join(
		writePEM(files.CertFile, &pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		writePEM(files.KeyFile, &pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
		writePEM(hostKeyFile, hostBlock), writePEM(s.keyFile, userBlock),
		os.WriteFile(s.knownHosts, []byte(known), 0o600))
}

func writePEM(name string, block *pem.Block) error {
	return os.WriteFile(name, pem.EncodeToMemory(block), 0o600)
}

// freePorts finds ports that nobody listens on.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// freeRange finds ports in a row that nobody listens on, below those that the
// kernel gives to outgoing connections.
func freeRange(n int) (int, error) {
	first := 20000 + os.Getpid()%100*n
	for ; first < 32000-n; first += n {
		free := true
		for port := first; port < first+n && free; port++ {
			l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
			if free = err == nil; free {
				l.Close()
			}
		}
		if free {
			return first, nil
		}
	}
	return 0, fmt.Errorf("no %d ports in a row are free below 32000", n)
}
