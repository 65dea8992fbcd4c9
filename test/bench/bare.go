package main

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// reach is what there is to reach on the way to a server: megabytes per second
// of a loop of sendfile.
func (b *bench) reach() (float64, error) {
	name := fmt.Sprintf("file-%d", b.size)
	if err := b.makeFile(name, b.size); err != nil {
		return 0, err
	}
	s, err := startBare(b.environment)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	done, err := s.work(b.size, 1, func(int) error { return s.bareDownload(name, b.size) })
	return float64(done.amount) / megabyte / done.took.Seconds(), err
}

// startBare starts a server that knows no protocol: it answers a connection
// with the file whose name it gets.
func startBare(e *environment) (*server, error) {
	port, err := e.freePorts(1)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(e.program, helperBare, loopback(port), e.files)
	p, err := e.launch("sendfile", port, cmd)
	return &server{name: "sendfile", ftp: loopback(port), process: p}, err
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
