package main

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// printPath says what there is to reach on the way to the servers: the rate of a
// loop of sendfile, one connection and several, and the round trip.
func (b *bench) printPath(out io.Writer) error {
	s, err := startBare(b.environment)
	if err != nil {
		return err
	}
	defer s.stop()
	trips := make([]float64, 50)
	for i := range trips {
		start := time.Now()
		conn, err := net.Dial("tcp", s.ftp)
		if err != nil {
			return err
		}
		trips[i] = float64(time.Since(start).Microseconds())
		conn.Close()
	}
	var rates []string
	for _, n := range []int{1, parallel} {
		size := b.size / int64(n)
		name := fmt.Sprintf("file-%d", size)
		if err := b.makeFile(name, size); err != nil {
			return err
		}
		done, err := s.work(b.size, n, func(int) error { return s.bareDownload(name, size) })
		if err != nil {
			return err
		}
		rates = append(rates, fmt.Sprintf("%.0f MB/s over %d", float64(done.amount)/megabyte/done.took.Seconds(), n))
	}
	_, err = fmt.Fprintf(out, "# the path alone: a connection is there after %.0f us; sendfile reaches %s\n", median(trips), strings.Join(rates, ", "))
	return err
}

// startBare starts a server that knows no protocol: it answers a connection
// with the file whose name it gets.
func startBare(e *environment) (*server, error) {
	port, err := e.freePorts(1)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(e.program, helperBare, e.addr(port), e.files)
	p, err := e.launch("sendfile", port, cmd)
	return &server{name: "sendfile", ftp: e.addr(port), process: p}, err
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
		go func() {
			defer conn.Close()
			sendBare(conn.(*net.TCPConn), dir)
		}()
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
