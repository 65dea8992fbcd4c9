package ftp

import (
	"context"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// turnSize is how much is sent in a turn: about 300 microseconds.
const turnSize = 2 << 20

// A turnSender sends files over a connection with sendfile, in turns.
type turnSender struct {
	ctx   context.Context
	conn  *net.TCPConn
	turns *turns
	slow  bool // the file comes from a disk: to send it takes no processor to speak of
}

// fileSender returns what sends files to a data connection that nothing else is
// sent to. It is corked: full segments only until it is closed, even between two
// turns, since each segment may have to wake the client.
func fileSender(ctx context.Context, to io.ReaderFrom, turns *turns) io.ReaderFrom {
	conn, ok := to.(*net.TCPConn)
	if !ok {
		return to
	}
	if rc, err := conn.SyscallConn(); err == nil {
		_ = rc.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CORK, 1) })
	}
	return &turnSender{ctx: ctx, conn: conn, turns: turns}
}

// ReadFrom sends the part of a file that r has. When the deadline passes, all
// that was read of the file has been sent.
func (s *turnSender) ReadFrom(r io.Reader) (int64, error) {
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
			sendErr = s.sendfile(int(socket), int(file), &part.N)
			return sendErr != syscall.EAGAIN
		})
	})
	for _, e := range []error{err, writeErr, callError("sendfile", sendErr)} {
		if e != nil {
			return size - part.N, e
		}
	}
	return size - part.N, nil
}

// sendfile sends until remain is 0, the file ends or there is an error, such as
// EAGAIN when the socket takes no more.
func (s *turnSender) sendfile(socket, file int, remain *int64) error {
	for *remain > 0 {
		n, err := s.once(socket, file, int(min(*remain, turnSize)))
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

// once makes one system call, in a turn unless the last one took longer than that.
func (s *turnSender) once(socket, file, size int) (int, error) {
	if s.slow {
		start := time.Now()
		n, err := syscall.Sendfile(socket, file, nil, size)
		s.slow = time.Since(start) > leaseTime
		return n, err
	}
	turn, err := s.turns.take(s.ctx)
	if err != nil {
		return 0, err
	}
	n, err := syscall.Sendfile(socket, file, nil, size)
	s.slow = s.turns.give(turn)
	return n, err
}

func callError(call string, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		return os.NewSyscallError(call, errno)
	}
	return err
}
