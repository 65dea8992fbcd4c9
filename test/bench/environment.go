package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

// The account that every server has.
const (
	account  = "bench"
	password = "throwaway"
	uid      = 61234 // of the account; nobody's
)

// environment is what all servers share: files, an account and keys.
type environment struct {
	program    string // this one, for helpers
	dir        string // in memory; removed at the end
	root       string // what the files are in; removed at the end
	files      string // the account's home
	host       string // the servers' address
	wire       *wire  // the way to them; nil on the loopback
	peers      string // where the peers are unpacked
	hash       string // of the password
	cert       string // PEM files
	key        string
	signer     ssh.Signer // the account's SSH key
	authorized string     // the same, as a line of authorized_keys
	cgroups    string     // where they are mounted
	ports      int        // the next port to try
}

func (e *environment) path(parts ...string) string {
	return filepath.Join(append([]string{e.dir}, parts...)...)
}

// newEnvironment makes the files. The caller removes it, also after an error.
func newEnvironment(ctx context.Context, out io.Writer, p path) (*environment, error) {
	e := &environment{ports: 10000, host: "127.0.0.1"}
	var err error
	if e.peers, err = unpackPeers(ctx, out); err != nil {
		return nil, err
	}
	if e.program, err = os.Executable(); err != nil {
		return nil, err
	}
	if e.dir, err = os.MkdirTemp("/dev/shm", "fileserver-bench-"); err != nil {
		return nil, err
	}
	if err := checkFolder(p); err != nil {
		return e, err
	}
	if e.root, err = os.MkdirTemp(p.folder, "fileserver-bench-"); err != nil {
		return e, err
	}
	if p.roundTrip > 0 {
		e.host = serverEnd.String()
		if e.wire, err = newWire(p.roundTrip / 2); err != nil {
			return e, err
		}
	}
	e.files, e.cert, e.key = filepath.Join(e.root, "files"), e.path("tls.crt"), e.path("tls.key")
	return e, errors.Join(os.Chmod(e.root, 0o755), os.Chmod(e.dir, 0o755), e.mountCgroups(), e.makeFolders(), e.makePassword(), e.makeSandbox(), e.makeKeys(), e.build(ctx))
}

func (e *environment) build(ctx context.Context) error {
	_, err := fixture.Build(ctx, e.dir)
	return err
}

// checkFolder refuses to take memory for a disk.
func checkFolder(p path) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(p.folder, &fs); err != nil {
		return &os.PathError{Op: "statfs", Path: p.folder, Err: err}
	}
	if p.folder != memory && (fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC) {
		return fmt.Errorf("%s is in memory: -disk wants a folder on a disk", p.folder)
	}
	return nil
}

// remove removes what newEnvironment made, but for the folder if it is to be kept.
func (e *environment) remove(keep bool) {
	if e.wire != nil {
		e.wire.close()
	}
	if e.root != "" {
		os.RemoveAll(e.root)
	}
	if e.dir == "" {
		return
	}
	if err := e.unmountCgroups(); err == nil && !keep {
		os.RemoveAll(e.dir)
	}
}

func (e *environment) makeFolders() error {
	// A folder that others may write to keeps others from deleting, or not:
	// the servers write as the account, and the benchmark cleans up as root.
	// The logs lie apart: ours watches the folder of its configuration.
	return errors.Join(os.Mkdir(e.files, 0o777), os.Chown(e.files, uid, uid), os.Mkdir(e.path("empty"), 0o755), os.Mkdir(e.path("logs"), 0o755))
}

func (e *environment) makePassword() error {
	hasher, err := shacrypt.New(shacrypt.WithVariant(shacrypt.VariantSHA512), shacrypt.WithIterations(5000))
	if err != nil {
		return err
	}
	digest, err := hasher.Hash(password)
	if err == nil {
		e.hash = digest.Encode()
	}
	return err
}

// makeKeys writes a certificate, of which key has the key alone and cert both,
// and the keys of the hosts and of the account.
func (e *environment) makeKeys() error {
	c, ours, theirs, user := fixture.NewCertificate(), fixture.NewSSHKey(), fixture.NewSSHKey(), fixture.NewSSHKey()
	e.signer, e.authorized = user.Signer, user.Authorized
	return errors.Join(
		writeFor(uid, e.cert, append(c.CertPEM, c.KeyPEM...)), writeFor(uid, e.key, c.KeyPEM),
		writeFor(uid, e.path("host_key"), ours.PEM), writeFor(0, e.path("sshd_host_key"), theirs.PEM),
		writeFor(0, e.path("id"), user.PEM), writeFor(uid, e.path("authorized_keys"), []byte(user.Authorized+"\n")))
}

// writeFor writes a file that only one user can read.
func writeFor(uid int, name string, b []byte) error {
	return errors.Join(os.WriteFile(name, b, 0o600), os.Chown(name, uid, uid))
}

// makeFile makes a file of the account, if it is not there yet.
func (e *environment) makeFile(name string, size int64) error {
	path := filepath.Join(e.files, name)
	if info, err := os.Stat(path); err == nil && info.Size() == size {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyN(f, rand.Reader, size)
	return errors.Join(err, os.Chmod(path, 0o644), os.Chown(path, uid, uid))
}

// freePorts finds n free ports in a row, below those that the system gives to
// clients, and returns the first.
func (e *environment) freePorts(n int) (int, error) {
	for ; e.ports+n < 32000; e.ports++ {
		free := true
		for p := e.ports; p < e.ports+n && free; p++ {
			l, err := net.Listen("tcp", ":"+strconv.Itoa(p))
			if free = err == nil; free {
				l.Close()
			}
		}
		if free {
			first := e.ports
			e.ports += n
			return first, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports in a row", n)
}

// peerCommand is a peer's program with its libraries, in a mount namespace
// where the account exists.
func (e *environment) peerCommand(program string, args ...string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-ec", sandbox, "sh", e.path("sandbox"), filepath.Join(e.peers, program)}, args...)...)
	cmd.Env = e.peerEnv()
	return cmd
}

// command runs a peer's program that is no server.
func (e *environment) command(program string, args ...string) error {
	cmd := exec.Command(filepath.Join(e.peers, program), args...)
	cmd.Env = e.peerEnv()
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, b)
	}
	return nil
}

func (e *environment) peerEnv() []string {
	lib := filepath.Join(e.peers, "usr/lib/x86_64-linux-gnu")
	return []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH=" + lib, "OPENSSL_CONF=" + e.path("openssl.cnf")}
}
