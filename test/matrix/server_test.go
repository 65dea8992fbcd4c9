//go:build e2e

package matrix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

const (
	host     = fixture.Host
	password = "correct-horse"
	passive  = 100 // ports for passive connections
)

func address(port int) string { return fixture.Address(port) }

// server is the file server, as a process, with its files.
type server struct {
	*fixture.Process
	store           *fixture.Store // nil: files are on a volume
	dir             string
	ftp, ftps, sftp int
	caFile          string
	keyFile         string // the private key that all users have
	knownHosts      string
	hostKey         ssh.PublicKey
}

// start runs a server with a user for each row, and waits until it is ready.
func start(ctx context.Context, dir string, oldSSH bool, store *fixture.Store) (*server, error) {
	s := &server{
		store: store, dir: dir, caFile: filepath.Join(dir, fixture.CertFile), keyFile: filepath.Join(dir, "key"),
		knownHosts: filepath.Join(dir, "known_hosts"),
	}
	ports, err := fixture.FreePorts(passive)
	if err != nil {
		return nil, err
	}
	s.ftp, s.ftps, s.sftp = ports.FTP, ports.FTPS, ports.SFTP
	if err := s.configure(ports, oldSSH); err != nil {
		return nil, err
	}
	s.Process, err = fixture.Start(ctx, binary, dir, ports.HTTP)
	return s, err
}

func (s *server) stop() {
	if err := s.Stop(20 * time.Second); err != nil {
		fmt.Fprintln(os.Stderr, "matrix: the server ended with", err)
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

// home is the folder with the files of a user, as the test sees it.
func (s *server) home(user string) string {
	if s.store != nil {
		return s.store.Home(user)
	}
	return filepath.Join(s.dir, fixture.DataDir, user)
}

func (s *server) configure(ports fixture.Ports, oldSSH bool) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	c := fixture.Config(s.dir, ports)
	if s.store != nil {
		c.Storage = config.Storage{Bucket: s.store.Config(), AtomicUploads: true}
		c.Storage.Bucket.PartSize = config.MinPartSize
	}
	host := fixture.NewSSHKey()
	if oldSSH {
		host = fixture.NewRSAKey()
		c.SSH.Algorithms = config.SSHAlgorithms{
			KeyExchanges: []string{"diffie-hellman-group14-sha1"}, Ciphers: []string{"aes128-cbc"},
			MACs: []string{"hmac-sha1"}, HostKeys: []string{"ssh-rsa"},
		}
	}
	s.hostKey = host.Signer.PublicKey()
	key := fixture.NewSSHKey()
	var users []config.User
	for _, name := range userNames() {
		u := fixture.User(name, password)
		u.AuthorizedKeys = []string{key.Authorized}
		users = append(users, u)
	}
	known := fmt.Sprintf("[%s]:%d %s\n", fixture.Host, s.sftp, host.Authorized)
	return errors.Join(fixture.WriteKeys(s.dir, fixture.NewCertificate(), host), fixture.WriteConfig(s.dir, c, users...),
		os.WriteFile(s.keyFile, key.PEM, 0o600), os.WriteFile(s.knownHosts, []byte(known), 0o600))
}
