package ftp

import (
	"bytes"
	"net"
	"syscall"
	"time"
	"unsafe"
)

const pollErr, pollHup, pollRdHup = 8, 16, 0x2000 // asm-generic/poll.h

// presenceOf asks the system. A connection that it does not know is present: its
// end is noticed when it is read.
func presenceOf(conn net.Conn) (p presence) {
	err := withDescriptor(conn, func(fd int) {
		poll := struct {
			fd              int32
			events, revents int16
		}{fd: int32(fd), events: pollIn | pollRdHup}
		var now syscall.Timespec
		_, _, errno := syscall.Syscall6(syscall.SYS_PPOLL,
			uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0) //nolint:gosec // the kernel writes no more
		switch {
		case errno != 0:
		case poll.revents&(pollErr|pollHup) != 0:
			p = reset
		case poll.revents&pollRdHup != 0:
			p = ended
		case poll.revents&pollIn != 0:
			p = speaking
		}
	})
	if err != nil {
		return reset // closed, by whom ever
	}
	return p
}

// silence is how long nothing has come on a connection.
func silence(conn net.Conn) (silent time.Duration) {
	_ = withDescriptor(conn, func(fd int) {
		var info syscall.TCPInfo
		size := uint32(unsafe.Sizeof(info))
		_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // of that size
		if errno == 0 {
			silent = time.Duration(info.Last_data_recv) * time.Millisecond
		}
	})
	return silent
}

// withDescriptor calls f with the descriptor of a connection, if it has one.
func withDescriptor(conn net.Conn, f func(fd int)) error {
	switch conn := netConn(conn).(type) {
	case *quietConn:
		return conn.rc.Control(func(uintptr) { f(conn.fd) })
	case syscall.Conn:
		rc, err := conn.SyscallConn()
		if err != nil {
			return err
		}
		return rc.Control(func(fd uintptr) { f(int(fd)) })
	}
	return nil
}

// pipelined reports whether a command has come that is not read yet. It is for
// the control goroutine, which reads nothing meanwhile.
func (s *stream) pipelined(verb string) (found bool) {
	c := s.conn
	if c.nc != c.raw {
		return false // it is encrypted
	}
	var b [512]byte
	_ = withDescriptor(c.raw, func(fd int) {
		n, _, err := syscall.Recvfrom(fd, b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err == nil && n > 0 {
			found = bytes.Contains(bytes.ToUpper(b[:n]), []byte(verb+"\r\n"))
		}
	})
	return found
}
