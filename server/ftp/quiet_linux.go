package ftp

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A quietConn is a connection that wakes Go's runtime only while somebody waits for
// it. The runtime has the kernel wake a thread for whatever comes on any
// connection, also where the receiver has not yet dealt with what came before: at
// full speed that is twenty thousand times per gigabyte.
type quietConn struct {
	fd            int
	local, remote net.Addr

	// poll is an epoll instance with fd in it, which the runtime watches.
	poll    *os.File
	rc      syscall.RawConn // of poll
	armed   bool            // the runtime will be woken, or has been
	writeBy atomic.Int64    // deadline, Unix nanoseconds; 0 for none
	close   sync.Once
}

// quiet returns a connection to use in place of conn, or conn itself if that fails.
func quiet(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	fd := duplicate(tcp)
	if fd < 0 {
		return conn
	}
	c := &quietConn{fd: fd, local: tcp.LocalAddr(), remote: tcp.RemoteAddr()}
	if err := c.watch(); err != nil {
		syscall.Close(fd)
		return conn
	}
	tcp.Close()
	return c
}

// duplicate returns a descriptor of the same socket, or -1.
func duplicate(conn *net.TCPConn) int {
	rc, err := conn.SyscallConn()
	if err != nil {
		return -1
	}
	copied := -1
	_ = rc.Control(func(fd uintptr) {
		if n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0); errno == 0 {
			copied = int(n)
		}
	})
	return copied
}

func (c *quietConn) watch() error {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	err = c.control(epoll, syscall.EPOLL_CTL_ADD, 0)
	if err == nil {
		err = syscall.SetNonblock(epoll, true) // else os.NewFile does not have it watched
	}
	if err != nil {
		syscall.Close(epoll)
		return err
	}
	c.poll = os.NewFile(uintptr(epoll), "connection")
	c.rc, err = c.poll.SyscallConn()
	if err == nil {
		err = c.poll.SetReadDeadline(time.Time{}) // fails if it is not watched
	}
	if err != nil {
		c.poll.Close()
	}
	return err
}

func (c *quietConn) control(epoll, op int, events uint32) error {
	return syscall.EpollCtl(epoll, op, c.fd, &syscall.EpollEvent{Events: events | syscall.EPOLLONESHOT, Fd: int32(c.fd)})
}

// Read is for one goroutine at a time.
func (c *quietConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return c.readLate(func() []byte { return p }, func() {})
}

func (c *quietConn) readLate(take func() []byte, giveBack func()) (int, error) {
	n, err := c.receive("read", func(fd int) (int, error) {
		n, err := syscall.Read(fd, take())
		if n <= 0 {
			giveBack()
		}
		return n, err
	})
	if err == nil && n == 0 {
		return 0, io.EOF
	}
	return n, err
}

// receive makes a system call that takes what has come, once there is something.
func (c *quietConn) receive(name string, call func(fd int) (int, error)) (n int, err error) {
	var event [1]syscall.EpollEvent
	rerr := c.rc.Read(func(epoll uintptr) (done bool) {
		if c.armed {
			// What the kernel reports once, it does not report again.
			if n, _ := syscall.EpollWait(int(epoll), event[:], 0); n > 0 {
				c.armed = false
			}
		}
		n, err = c.try(call)
		if err != syscall.EAGAIN {
			return true
		}
		if !c.armed {
			c.armed = true
			err = c.control(int(epoll), syscall.EPOLL_CTL_MOD, syscall.EPOLLIN|syscall.EPOLLRDHUP)
			return err != nil
		}
		return false
	})
	switch {
	case errors.Is(rerr, os.ErrDeadlineExceeded):
		return 0, rerr
	case rerr != nil:
		return 0, net.ErrClosed
	}
	return n, os.NewSyscallError(name, err)
}

// Write looks again and again whether the socket takes more, and ever more seldom
// while it does not. It rarely has to: what is sent are replies.
func (c *quietConn) Write(p []byte) (written int, err error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		var n int
		cerr := c.rc.Control(func(uintptr) {
			n, err = c.try(func(fd int) (int, error) { return syscall.Write(fd, p[written:]) })
		})
		written += n
		switch {
		case cerr != nil:
			return written, net.ErrClosed
		case err == nil && written == len(p):
			return written, nil
		case err != nil && err != syscall.EAGAIN:
			return written, os.NewSyscallError("write", err)
		}
		if n > 0 {
			pause = time.Millisecond
		}
		if by := c.writeBy.Load(); by != 0 && time.Now().UnixNano() >= by {
			return written, os.ErrDeadlineExceeded
		}
		time.Sleep(pause)
	}
}

// lowWater sets how much has to come until receive is woken. The end wakes it always.
func (c *quietConn) lowWater(bytes int) {
	_ = c.rc.Control(func(uintptr) { _ = syscall.SetsockoptInt(c.fd, syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes) })
}

func (c *quietConn) try(call func(fd int) (int, error)) (int, error) {
	for {
		if n, err := call(c.fd); err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

func (c *quietConn) CloseWrite() error {
	return c.rc.Control(func(uintptr) { _ = syscall.Shutdown(c.fd, syscall.SHUT_WR) })
}

// Close ends what waits, or uses fd.
func (c *quietConn) Close() error {
	c.close.Do(func() {
		c.poll.Close()
		syscall.Close(c.fd)
	})
	return nil
}

func (c *quietConn) LocalAddr() net.Addr  { return c.local }
func (c *quietConn) RemoteAddr() net.Addr { return c.remote }

func (c *quietConn) SetReadDeadline(t time.Time) error { return c.poll.SetReadDeadline(t) }

func (c *quietConn) SetWriteDeadline(t time.Time) error {
	by := int64(0)
	if !t.IsZero() {
		by = t.UnixNano()
	}
	c.writeBy.Store(by)
	return nil
}

func (c *quietConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
