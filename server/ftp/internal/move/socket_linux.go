package move

import (
	"net"
	"syscall"
	"time"
	"unsafe"
)

const pollIn, pollErr, pollHup, pollRdHup = 1, 8, 16, 0x2000 // asm-generic/poll.h

// Look asks the system about a connection. One that the system does not know is Present:
// its end is noticed when it is read.
func Look(conn net.Conn) (p Presence) {
	err := withDescriptor(conn, func(fd uintptr) {
		poll := struct {
			fd              int32
			events, revents int16
		}{fd: int32(fd), events: pollIn | pollRdHup}
		var now syscall.Timespec
		_, _, errno := syscall.RawSyscall6(syscall.SYS_PPOLL,
			uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0) //nolint:gosec // the kernel writes no more
		switch {
		case errno != 0:
		case poll.revents&(pollErr|pollHup) != 0:
			p = Reset
		case poll.revents&pollRdHup != 0:
			p = HalfClosed
		case poll.revents&pollIn != 0:
			p = Speaking
		}
	})
	if err != nil {
		return Reset // closed, by whom ever
	}
	return p
}

// silence is how long nothing has come on a connection.
func silence(conn net.Conn) (silent time.Duration) {
	_ = withDescriptor(conn, func(fd uintptr) {
		if info, ok := tcpInfo(fd); ok {
			silent = time.Duration(info.Last_data_recv) * time.Millisecond
		}
	})
	return silent
}

// quickAck has what comes next acknowledged at once.
func quickAck(conn net.Conn) {
	if conn, ok := conn.(syscall.Conn); ok {
		if rc, err := conn.SyscallConn(); err == nil {
			_ = rc.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) })
		}
	}
}

// isClosed reports whether a connection has ended for both sides, as after a reset.
func isClosed(conn net.Conn) (closed bool) {
	err := withDescriptor(conn, func(fd uintptr) {
		const stateClosed = 7 // TCP_CLOSE of net/tcp_states.h
		info, ok := tcpInfo(fd)
		closed = ok && info.State == stateClosed
	})
	return closed || err != nil
}

// withDescriptor calls f with the descriptor of a connection, if it has one.
func withDescriptor(conn net.Conn, f func(fd uintptr)) error {
	sc, ok := Socket(conn).(syscall.Conn)
	if !ok {
		return nil
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	return rc.Control(f)
}

func tcpInfo(fd uintptr) (info syscall.TCPInfo, ok bool) {
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // it writes no more than size
	return info, errno == 0
}
