package server

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/check"
	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/sftp"
)

// files is all that the server reads, at one moment. It is replaced as a
// whole: what a session sees never mixes an old file with a new one.
type files struct {
	config     *config.Config          // in force
	cold       []string                // fields of the newest configuration that are not
	users      map[string]config.Shard // by the paths of their files
	cert       *tls.Certificate        // nil if there is none
	clientCAs  *x509.CertPool          // nil if no client certificate is asked for
	suites     []uint16                // of TLS up to 1.2; none: the default
	hostKeys   []ssh.Signer            // none if there is none
	userCAs    []ssh.PublicKey
	algorithms sftp.Algorithms  // of SSH
	leftOut    []config.LeftOut // entries that cannot be used
	configHash string
	certHash   string
	secrets    hash.Hash // of the files that Config names
}

// sameAs reports whether nothing differs.
func (f *files) sameAs(o *files) bool {
	return f.configHash == o.configHash && maps.Equal(f.usersHashes(), o.usersHashes()) &&
		bytes.Equal(f.secrets.Sum(nil), o.secrets.Sum(nil))
}

// read returns the content of a file that Config names.
func (f *files) read(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	f.secrets.Write(fmt.Appendln(nil, name, len(b), err == nil))
	f.secrets.Write(b)
	return b, err
}

// leaveOut says that an entry cannot be used.
func (f *files) leaveOut(field string, err error) {
	f.leftOut = append(f.leftOut, config.LeftOut{Field: field, Reason: err.Error()})
}

// readFiles reads the Config at path and every file that it names. Only a Config
// that cannot be read is an error: a bad entry, or a bad file that it names, costs
// what it is for and nothing else. Of a certificate and of host keys, those that
// were there before stay, if all of the new ones are bad.
func readFiles(path string, before *files) (*files, error) {
	f := &files{secrets: sha256.New()}
	var err error
	if f.config, f.configHash, err = config.Load(path); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if before == nil {
		before = &files{}
	} else if f.config, f.cold = config.Reload(before.config, f.config); len(f.cold) > 0 {
		if err := f.config.Validate(); err != nil {
			return nil, fmt.Errorf("the configuration wants a restart, since %s differs: %w", strings.Join(f.cold, ", "), err)
		}
	}
	f.readUsers(before)
	f.readCertificate(before)
	f.useTLS()
	f.readSSH(before)
	return f, nil
}

func (f *files) readCertificate(before *files) {
	c := f.config.TLS
	if c == nil {
		return
	}
	field := "tls.certFile"
	chain, err := f.read(c.CertFile)
	key, keyErr := f.read(c.KeyFile)
	if err == nil && keyErr != nil {
		field, err = "tls.keyFile", keyErr
	}
	var cert tls.Certificate
	if err == nil {
		cert, err = tls.X509KeyPair(chain, key)
	}
	if err != nil {
		f.cert, f.certHash = before.cert, before.certHash
		f.leaveOut(field, fmt.Errorf("cannot be used: %w", err))
		return
	}
	sum := sha256.Sum256(cert.Certificate[0])
	f.cert, f.certHash = &cert, hex.EncodeToString(sum[:])
}

// useTLS finds out what of the rules for handshakes can be used. Whoever requires
// certificates of clients, and names no authority that is one, lets nobody in.
func (f *files) useTLS() {
	t := f.config.TLS
	if t == nil {
		return
	}
	var leftOut []config.LeftOut
	f.suites, leftOut = check.CipherSuites(t)
	f.leftOut = append(f.leftOut, leftOut...)
	authorities, leftOut := check.ClientCAs(t.ClientCAs)
	f.leftOut = append(f.leftOut, leftOut...)
	if t.ClientAuth == "" || t.ClientAuth == config.ClientAuthOptional && len(authorities) == 0 {
		return
	}
	f.clientCAs = x509.NewCertPool()
	for _, authority := range authorities {
		f.clientCAs.AddCert(authority)
	}
}

func (f *files) readSSH(before *files) {
	c := f.config.SSH
	if c == nil {
		return
	}
	var leftOut []config.LeftOut
	f.userCAs, leftOut = check.Authorities(c.TrustedUserCAKeys)
	f.leftOut = append(f.leftOut, leftOut...)
	algorithms, leftOut := check.Algorithms(c.Algorithms)
	f.algorithms, f.leftOut = sftp.Algorithms(algorithms), append(f.leftOut, leftOut...)
	for i, name := range c.HostKeyFiles {
		file, err := f.read(name)
		var key ssh.Signer
		if err == nil {
			key, err = check.ParseHostKey(file)
		}
		if err != nil {
			f.leaveOut(fmt.Sprintf("ssh.hostKeyFiles[%d]", i), err)
			continue
		}
		f.hostKeys = append(f.hostKeys, key)
	}
	if len(f.hostKeys) == 0 {
		f.hostKeys = before.hostKeys
	}
}

// fingerprints are those of the host keys.
func (f *files) fingerprints() (all []string) {
	for _, key := range f.hostKeys {
		all = append(all, ssh.FingerprintSHA256(key.PublicKey()))
	}
	return all
}

// listeners are the ports that are served, and what is in the way.
func (f *files) listeners() (all []config.Listener) {
	p, noTLS := f.config.Protocols, ""
	switch {
	case f.cert == nil:
		noTLS = "there is no certificate that can be used"
	case f.clientCAs != nil && f.config.TLS.ClientAuth == config.ClientAuthRequired && f.clientCAs.Equal(x509.NewCertPool()):
		noTLS = "certificates of clients are required, and there is no authority for them that can be used"
	}
	if p.FTP != nil {
		l := config.Listener{Name: config.ProtocolFTP, Port: p.FTP.Port, TLS: p.FTP.TLS}
		if l.TLS == config.TLSRequired {
			l.Error = noTLS
		}
		all = append(all, l)
	}
	if p.FTPS != nil {
		all = append(all, config.Listener{Name: config.ProtocolFTPS, Port: p.FTPS.Port, Error: noTLS})
	}
	if p.SFTP != nil {
		l := config.Listener{Name: config.ProtocolSFTP, Port: p.SFTP.Port}
		switch {
		case len(f.hostKeys) == 0:
			l.Error = "there is no host key that can be used"
		case !check.HostKeysFit(f.hostKeys, f.algorithms.HostKeys):
			l.Error = "no host key is of the kinds in ssh.algorithms.hostKeys"
		}
		all = append(all, l)
	}
	return all
}

// folders are those to watch: a mounted ConfigMap or Secret changes by a
// rename in its folder, not by a write to its file.
func (f *files) folders(configPath string) []string {
	names := []string{configPath, filepath.Join(f.config.UsersDir, config.UsersFile)}
	if t := f.config.TLS; t != nil {
		names = append(names, t.CertFile, t.KeyFile)
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
