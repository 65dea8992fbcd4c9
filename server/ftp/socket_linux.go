package ftp

import (
	"net"
	"syscall"
	"unsafe"
)

// quickAck has what comes next acknowledged at once.
func quickAck(conn net.Conn) {
	if sc, ok := conn.(syscall.Conn); ok {
		if rc, err := sc.SyscallConn(); err == nil {
			_ = rc.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) })
		}
	}
}

// isClosed reports whether a connection has ended for both sides, as after a reset.
func isClosed(conn net.Conn) (closed bool) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	err = rc.Control(func(fd uintptr) {
		const stateClosed = 7 // TCP_CLOSE of net/tcp_states.h
		info, ok := tcpInfo(fd)
		closed = ok && info.State == stateClosed
	})
	return closed || err != nil
}

func tcpInfo(fd uintptr) (info syscall.TCPInfo, ok bool) {
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // it writes no more than size
	return info, errno == 0
}
