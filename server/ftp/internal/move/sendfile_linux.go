package move

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// sendfile sends a file in the kernel.
type sendfile struct {
	conn   *net.TCPConn
	to     syscall.RawConn
	from   syscall.RawConn
	waiter waiter
}

// newSendfile returns what sends a file to a connection that nothing else is sent to.
func newSendfile(ctx context.Context, conn *net.TCPConn, file *os.File, turns Turns) Mover {
	if file == nil {
		return nil
	}
	to, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	from, err := file.SyscallConn()
	if err != nil {
		return nil
	}
	return &sendfile{conn, to, from, waiter{ctx: ctx, turns: turns}}
}

func (s *sendfile) Move(n int, by time.Time) (moved int, err error) {
	if err := s.conn.SetWriteDeadline(by); err != nil {
		return 0, &ConnError{err}
	}
	var connErr, sendErr error
	err = s.from.Control(func(file uintptr) {
		connErr = s.to.Write(func(socket uintptr) (done bool) {
			var sent int
			sent, sendErr = s.send(int(socket), int(file), n-moved)
			moved += sent
			return sendErr != syscall.EAGAIN
		})
	})
	switch {
	case err != nil:
		return moved, err
	case connErr != nil:
		return moved, ofConn(connErr)
	case sendErr == io.EOF:
		return moved, io.EOF
	case sendErr != nil:
		if _, ok := errors.AsType[*ConnError](sendErr); ok {
			return moved, sendErr
		}
		return moved, eitherError(s.conn, os.NewSyscallError("sendfile", sendErr))
	}
	return moved, nil
}

// send sends up to n bytes until there is an error, such as EAGAIN when the socket takes
// no more.
func (s *sendfile) send(socket, file, n int) (sent int, err error) {
	for sent < n {
		if err := s.waiter.take(); err != nil {
			return sent, err
		}
		m, err := syscall.Sendfile(socket, file, nil, min(n-sent, turnSize))
		s.waiter.give()
		switch {
		case m > 0:
			sent += m
		case err == syscall.EINTR:
		case err != nil:
			return sent, err
		default:
			return sent, io.EOF
		}
	}
	return sent, nil
}

func (s *sendfile) Close() {}

// eitherError tells the errors of the connection from those of the file, which come out of
// the same system call. A file on a network has many that a socket has too, so the
// socket is asked: after an error of its own it is closed.
func eitherError(conn net.Conn, err error) error {
	var number syscall.Errno
	ofFile := errors.As(err, &number) && number != syscall.EPIPE && number != syscall.ECONNRESET
	if ofFile && !isClosed(conn) {
		return err
	}
	return ofConn(err)
}
