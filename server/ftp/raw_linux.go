package ftp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// A rawListener is a listening socket that Go's runtime does not know: it wakes
// no thread for a connection that nobody waits for yet.
type rawListener struct{ fd int }

// unmanaged takes a listener out of the runtime's care. It returns nil if that
// fails; the listener goes on then.
func unmanaged(l net.Listener) *rawListener {
	tl, ok := l.(*net.TCPListener)
	if !ok {
		return nil
	}
	fd := unmanagedCopy(tl)
	if fd < 0 {
		return nil
	}
	l.Close()
	unpace(uintptr(fd))
	return &rawListener{fd}
}

// unmanagedCopy is a descriptor of the same socket that the runtime does not know,
// or -1. The original has to be closed, or the runtime goes on to watch the socket.
func unmanagedCopy(of syscall.Conn) int {
	fd := -1
	if rc, err := of.SyscallConn(); err == nil {
		_ = rc.Control(func(original uintptr) { fd = duplicate(int(original)) })
	}
	return fd
}

func duplicate(fd int) int {
	r, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1
	}
	return int(r)
}

// accept returns a connection that has come already, or nil.
func (l *rawListener) accept() (*rawConn, netip.Addr) {
	for {
		fd, from, err := syscall.Accept4(l.fd, syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK)
		switch {
		case err == syscall.EINTR || err == syscall.ECONNABORTED:
			continue
		case err != nil:
			return nil, netip.Addr{}
		}
		conn := &rawConn{fd}
		switch from := from.(type) {
		case *syscall.SockaddrInet4:
			return conn, netip.AddrFrom4(from.Addr)
		case *syscall.SockaddrInet6:
			return conn, netip.AddrFrom16(from.Addr).Unmap()
		}
		conn.close()
	}
}

// listener returns a listener that the runtime knows, beside this one.
func (l *rawListener) listener() (net.Listener, error) {
	fd := duplicate(l.fd)
	if fd < 0 {
		return nil, syscall.EMFILE
	}
	f := os.NewFile(uintptr(fd), "passive port")
	defer f.Close()
	return net.FileListener(f)
}

func (l *rawListener) close() { syscall.Close(l.fd) }

// A rawConn is a connection that Go's runtime does not know.
type rawConn struct{ fd int }

// conn returns the connection as one that the runtime knows, in place of c. It
// is as a listener of package net would return it: with the TLS handshake's small
// packets, Nagle's algorithm would wait for the client.
func (c *rawConn) conn() (net.Conn, error) {
	f := os.NewFile(uintptr(c.fd), "data connection")
	defer f.Close()
	conn, err := net.FileConn(f)
	if tcp, ok := conn.(*net.TCPConn); ok {
		err = tcp.SetNoDelay(true)
	}
	return conn, err
}

func (c *rawConn) close() { syscall.Close(c.fd) }

// send sends a file to its end, or a part of it and errSlow. It returns how much
// it has sent.
func (c *rawConn) send(from *os.File) (sent int64, err error) {
	start := time.Now()
	rc, err := from.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := rc.Control(func(file uintptr) {
		for {
			var n int
			n, err = syscall.Sendfile(c.fd, int(file), nil, quickSize+1)
			sent += int64(max(n, 0))
			switch {
			case err == syscall.EINTR:
			case n == 0 && err == nil:
				return
			case err == syscall.EAGAIN && await(c.fd, pollOut):
			case err == syscall.EAGAIN || sent > quickSize || time.Since(start) > quickTime:
				err = errSlow
				return
			case err != nil:
				err = zeroCopyError(err)
				return
			}
		}
	})
	return sent, errors.Join(cerr, err)
}

// receive writes to a file what comes, all of it, or a part and errSlow. It
// returns how much it has written.
func (c *rawConn) receive(to File) (got int64, err error) {
	block := getBlock()
	defer putBlock(block)
	for start := time.Now(); got <= quickSize && time.Since(start) <= quickTime; {
		n, err := syscall.Read(c.fd, block)
		switch {
		case err == syscall.EINTR || err == syscall.EAGAIN && await(c.fd, pollIn):
			continue
		case err == syscall.EAGAIN:
			return got, errSlow
		case err != nil:
			return got, &dataError{err}
		case n == 0:
			return got, nil
		}
		if _, err := to.Write(block[:n]); err != nil {
			return got, err
		}
		got += int64(n)
	}
	return got, errSlow
}
