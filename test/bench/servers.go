package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

// passivePorts is how many each FTP server has, if it does not need more.
const passivePorts = 500

// product is a server that can be started.
type product struct {
	name  string
	start func(*environment) (*server, error)
}

// server is one that runs.
type server struct {
	name string
	ftp  string // address, or "" if it does not serve the protocol
	sftp string
	*process
}

const ours = "ours"

var (
	ftpProducts  = []product{{ours, startOurs}, {"vsftpd", startVsftpd}, {"proftpd", startProftpd}, {"pure-ftpd", startPureFTPd}}
	sftpProducts = []product{{ours, startOurs}, {"openssh", startSSHD}}
)

// addr is where a server listens that is to use a port.
func (e *environment) addr(port int) string { return net.JoinHostPort(e.host, strconv.Itoa(port)) }

// launch starts a peer and waits for it.
func (e *environment) launch(name string, port int, cmd *exec.Cmd) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	}
	p, err := e.isolated(name, cmd)
	if err != nil {
		return nil, err
	}
	if err := p.await(e.addr(port)); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// startOurs runs cmd/fileserver as it runs in a pod: not as root.
func startOurs(e *environment) (*server, error) {
	first, err := e.freePorts(passivePorts + 6)
	if err != nil {
		return nil, err
	}
	port := first + passivePorts
	c := fixture.Config(e.dir, fixture.Ports{
		FTP: port, FTPData: port + 1, FTPS: port + 2, FTPSData: port + 3, SFTP: port + 4,
		Passive: config.PortRange{First: first, Last: first + passivePorts - 1},
	})
	c.Storage.Root = filepath.Dir(e.files)
	user := config.User{Name: account, PasswordHash: e.hash, AuthorizedKeys: []string{e.authorized}, Home: "files", Access: config.AccessReadWrite}
	if err := fixture.WriteConfig(e.dir, c, user); err != nil {
		return nil, err
	}
	for _, name := range []string{fixture.ConfigFile, fixture.UsersFile} {
		if err := os.Chown(e.path(name), uid, uid); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(e.path("fileserver"), "-config", e.path(fixture.ConfigFile), "-http-address", e.addr(port+5))
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	p, err := e.launch(ours, port, cmd)
	if err != nil {
		return nil, err
	}
	return &server{name: ours, ftp: e.addr(port), sftp: e.addr(port + 4), process: p}, nil
}
