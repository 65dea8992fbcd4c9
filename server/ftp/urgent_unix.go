//go:build unix

package ftp

import (
	"net"
	"syscall"
)

// keepUrgent leaves urgent data where it is in the stream of a connection. Otherwise
// the kernel takes the last byte out of what clients send as such: ABOR, or the
// Telnet Synch before it (RFC 959 section 4.1.3, RFC 854), of which a command line
// without its end would remain.
func keepUrgent(nc net.Conn) {
	sc, ok := socketOf(nc).(syscall.Conn)
	if !ok {
		return
	}
	if rc, err := sc.SyscallConn(); err == nil {
		_ = rc.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_OOBINLINE, 1)
		})
	}
}
