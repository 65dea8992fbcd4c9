package server

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/sftp"
)

// files is all that the server reads, at one moment. It is replaced as a
// whole: what a session sees never mixes an old file with a new one.
type files struct {
	config     *config.Config
	users      *config.Users
	cert       *tls.Certificate // nil without TLS
	clientCAs  *x509.CertPool   // nil if no client certificate is asked for
	hostKeys   []ssh.Signer     // nil without SFTP
	userCAs    []ssh.PublicKey
	algorithms sftp.Algorithms // of SSH
	unusable   []error         // entries that were left out
	configHash string
	usersHash  string
	certHash   string
	secrets    hash.Hash // of the files that Config names
}

// sameAs reports whether nothing differs.
func (f *files) sameAs(o *files) bool {
	return f.configHash == o.configHash && f.usersHash == o.usersHash &&
		bytes.Equal(f.secrets.Sum(nil), o.secrets.Sum(nil))
}

// read returns the content of a file that Config names.
func (f *files) read(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	f.secrets.Write(b)
	return b, err
}

// readFiles reads the Config at path and every file that it names.
func readFiles(path string) (*files, error) {
	f := &files{secrets: sha256.New()}
	var err error
	if f.config, f.configHash, err = config.Load(path); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if f.users, f.usersHash, err = config.LoadUsers(f.config.UsersFile); err != nil {
		return nil, fmt.Errorf("reading the users: %w", err)
	}
	if err := f.readTLS(); err != nil {
		return nil, err
	}
	return f, f.readHostKeys()
}

func (f *files) readTLS() error {
	c := f.config.TLS
	if c == nil {
		return nil
	}
	chain, err := f.read(c.CertFile)
	if err != nil {
		return fmt.Errorf("reading the TLS certificate (tls.certFile): %w", err)
	}
	key, err := f.read(c.KeyFile)
	if err != nil {
		return fmt.Errorf("reading the TLS certificate's key (tls.keyFile): %w", err)
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return fmt.Errorf("using the TLS certificate (tls.certFile, tls.keyFile): %w", err)
	}
	sum := sha256.Sum256(cert.Certificate[0])
	f.cert, f.certHash = &cert, hex.EncodeToString(sum[:])
	if c.ClientCAFile == "" {
		return nil
	}
	pem, err := f.read(c.ClientCAFile)
	if err != nil {
		return fmt.Errorf("reading the authorities of client certificates (tls.clientCAFile): %w", err)
	}
	f.clientCAs = x509.NewCertPool()
	if !f.clientCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s (tls.clientCAFile) has no certificate in PEM format", c.ClientCAFile)
	}
	return nil
}

func (f *files) readHostKeys() error {
	if f.config.SSH == nil {
		return nil
	}
	// One bad entry costs that entry, and not SFTP, or the next configuration.
	var problems []error
	f.userCAs, problems = parseUserCAs(f.config.SSH.TrustedUserCAKeys)
	f.unusable = append(f.unusable, problems...)
	f.algorithms, problems = usableAlgorithms(f.config.SSH.Algorithms)
	f.unusable = append(f.unusable, problems...)
	for _, name := range f.config.SSH.HostKeyFiles {
		pem, err := f.read(name)
		if err != nil {
			return fmt.Errorf("reading an SSH host key (ssh.hostKeyFiles): %w", err)
		}
		key, err := ssh.ParsePrivateKey(pem)
		if err != nil {
			if _, ok := errors.AsType[*ssh.PassphraseMissingError](err); ok {
				return fmt.Errorf("%s (ssh.hostKeyFiles) is protected by a passphrase; store it without", name)
			}
			return fmt.Errorf("%s (ssh.hostKeyFiles) is no private key in OpenSSH or PEM format", name)
		}
		f.hostKeys = append(f.hostKeys, key)
	}
	return nil
}

// folders are those to watch: a mounted ConfigMap or Secret changes by a
// rename in its folder, not by a write to its file.
func (f *files) folders(configPath string) []string {
	names := []string{configPath, f.config.UsersFile}
	if t := f.config.TLS; t != nil {
		names = append(names, t.CertFile, t.KeyFile)
		if t.ClientCAFile != "" {
			names = append(names, t.ClientCAFile)
		}
	}
	if s := f.config.SSH; s != nil {
		names = append(names, s.HostKeyFiles...)
	}
	folders := make([]string, 0, len(names))
	for _, name := range names {
		folders = append(folders, filepath.Dir(name))
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// marshaled returns keys in SSH's wire format.
func marshaled(keys []ssh.PublicKey) [][]byte {
	blobs := make([][]byte, len(keys))
	for i, k := range keys {
		blobs[i] = k.Marshal()
	}
	return blobs
}
