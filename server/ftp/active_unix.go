//go:build unix

package ftp

import "syscall"

// reuseAddr lets several sockets be bound to one local port.
func reuseAddr(fd uintptr) error {
	return syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
}
