package ftp

import (
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
)

// turns are taken by those who send files, each for one system call. There are
// as many as processors but one, which is left to all other goroutines. Without
// them, a processor that has always another transfer to go on with does not look
// at the network for 10 ms at a time, and a NOOP of another session waits for
// that, and then for all the transfers.
var turns = sync.OnceValue(func() chan struct{} {
	return make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))
})

// turnSize is how much is sent in a turn: about 300 microseconds.
const turnSize = 2 << 20

// A turnSender sends files over a connection with sendfile, in turns.
type turnSender struct{ conn *net.TCPConn }

// fileSender returns what sends files to a data connection that nothing else is
// sent to. It is corked: full segments only until it is closed, even between two
// turns, since each segment may have to wake the client.
func fileSender(to io.ReaderFrom) io.ReaderFrom {
	conn, ok := to.(*net.TCPConn)
	if !ok {
		return to
	}
	if rc, err := conn.SyscallConn(); err == nil {
		_ = rc.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CORK, 1) })
	}
	return turnSender{conn}
}

// ReadFrom sends the part of a file that r has. When the deadline passes, all
// that was read of the file has been sent.
func (s turnSender) ReadFrom(r io.Reader) (int64, error) {
	part := r.(*io.LimitedReader)
	from, err := part.R.(*os.File).SyscallConn()
	if err != nil {
		return 0, err
	}
	to, err := s.conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	size := part.N
	var sendErr, writeErr error
	err = from.Control(func(file uintptr) {
		writeErr = to.Write(func(socket uintptr) (done bool) {
			sendErr = sendfile(int(socket), int(file), &part.N)
			return sendErr != syscall.EAGAIN
		})
	})
	for _, e := range []error{err, writeErr, os.NewSyscallError("sendfile", sendErr)} {
		if e != nil {
			return size - part.N, e
		}
	}
	return size - part.N, nil
}

// sendfile sends until remain is 0, the file ends or there is an error, such as
// EAGAIN when the socket takes no more.
func sendfile(socket, file int, remain *int64) error {
	for *remain > 0 {
		turns() <- struct{}{}
		n, err := syscall.Sendfile(socket, file, nil, int(min(*remain, turnSize)))
		<-turns()
		switch {
		case n > 0:
			*remain -= int64(n)
		case err == syscall.EINTR:
		case err != nil || n == 0:
			return err
		}
	}
	return nil
}
