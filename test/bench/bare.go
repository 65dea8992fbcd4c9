package main

import (
	"net"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// startBare starts a server that knows no protocol: it answers a connection
// with the file whose name it gets. What it reaches is what there is to reach.
func startBare(e *environment) (*server, error) {
	port, err := e.freePorts(1)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(e.program, helperBare, loopback(port), e.files)
	p, err := e.launch("sendfile", port, cmd)
	return &server{name: "sendfile", ftp: loopback(port), bare: true, process: p}, err
}

func serveBare(addr, dir string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		sendBare(conn.(*net.TCPConn), dir)
		conn.Close()
	}
}

// sendBare is a loop of blocking sendfile calls.
func sendBare(conn *net.TCPConn, dir string) {
	name := make([]byte, 100)
	n, err := conn.Read(name)
	if err != nil {
		return
	}
	file, err := unix.Open(filepath.Join(dir, string(name[:n])), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(file)
	socket, err := conn.File() // a blocking one
	if err != nil {
		return
	}
	defer socket.Close()
	for {
		n, err := unix.Sendfile(int(socket.Fd()), file, nil, 1<<30)
		if n <= 0 || err != nil {
			return
		}
	}
}

// bareDownload gets a file from it, as an FTP client gets one.
func (s *server) bareDownload(name string, size int64) error {
	conn, err := net.Dial("tcp", s.ftp)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(name)); err != nil {
		return err
	}
	return discard(conn.(*net.TCPConn), size, nil)
}
