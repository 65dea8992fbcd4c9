package main

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/fileserver-dev/fileserver-operator/server/config"
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
	c := &config.Config{
		Version: config.Version,
		Protocols: config.Protocols{
			FTP:  &config.FTP{Port: port, DataPort: port + 1, TLS: config.TLSOptional},
			FTPS: &config.FTPS{Port: port + 2, DataPort: port + 3},
			SFTP: &config.SFTP{Port: port + 4},
		},
		Passive:   &config.Passive{Ports: config.PortRange{First: first, Last: first + passivePorts - 1}},
		TLS:       &config.TLS{CertFile: e.cert, KeyFile: e.key},
		SSH:       &config.SSH{HostKeyFiles: []string{e.path("host_key")}},
		Storage:   config.Storage{Root: filepath.Dir(e.files)},
		UsersFile: e.path("users.json"),
	}
	authorized, err := readString(e.path("authorized_keys"))
	if err != nil {
		return nil, err
	}
	users := &config.Users{Version: config.Version, Users: []config.User{{
		Name: account, PasswordHash: e.hash, AuthorizedKeys: []string{authorized}, Home: "files", Access: config.AccessReadWrite,
	}}}
	for name, v := range map[string]interface{ Marshal() ([]byte, error) }{"config.json": c, "users.json": users} {
		b, err := v.Marshal()
		if err != nil {
			return nil, err
		}
		if err := writeFor(uid, e.path(name), b); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(e.path("fileserver"), "-config", e.path("config.json"), "-http-address", e.addr(port+5))
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	p, err := e.launch(ours, port, cmd)
	if err != nil {
		return nil, err
	}
	return &server{name: ours, ftp: e.addr(port), sftp: e.addr(port + 4), process: p}, nil
}
