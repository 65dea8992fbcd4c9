package ftp

import (
	"net"
	"syscall"
	"time"
	"unsafe"
)

const pollIn, pollErr, pollHup, pollRdHup = 1, 8, 16, 0x2000 // asm-generic/poll.h

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
		if info, ok := tcpInfo(uintptr(fd)); ok {
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
