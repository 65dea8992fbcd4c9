package ftp

import (
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
)

// A client nearby that moves small files sends its next command, or its data, some
// 50 microseconds after a reply. To sleep meanwhile and to be woken takes as long,
// above all on virtual machines, so a session in the middle of small files is
// eager: it keeps a processor for that time, if there is another one for the client.
const (
	spinTime = 150 * time.Microsecond
	// eagerCommands is how many commands after a quick transfer are waited for like
	// that, and restTransfers how many of these pass after one did not come in time.
	eagerCommands = 8
	restTransfers = 16
)

// spinner is held by the one session that keeps a processor.
var spinner = make(chan struct{}, 1)

// spin tries again and again. It reports whether that was of use.
func spin(try func() bool) bool {
	select {
	case spinner <- struct{}{}:
	default:
		return false
	}
	defer func() { <-spinner }()
	for start := time.Now(); time.Since(start) < spinTime; {
		if try() {
			return true
		}
	}
	return false
}

// expectMore makes the session eager after a quick transfer. While state.eager is
// positive, it is the number of commands that are waited for eagerly; while
// negative, of quick transfers until that is tried again.
func (c *Conn) expectMore() {
	if c.state.eager < 0 {
		c.state.eager++
	} else if c.state.eager > 0 || runtime.NumCPU() > 1 && c.near() {
		c.state.eager = eagerCommands
	}
}

func (c *Conn) near() (near bool) {
	if tcp, ok := c.raw.(*net.TCPConn); ok && c.nc == c.raw {
		if rc, err := tcp.SyscallConn(); err == nil {
			_ = rc.Control(func(fd uintptr) { near = isNearby(roundTripTime(fd)) })
		}
	}
	return near
}

// reader is where to read the next command from.
func (c *Conn) reader() io.Reader {
	if c.state.eager > 0 && c.nc == c.raw {
		return eagerReader{c}
	}
	return c.nc
}

// An eagerReader reads from the control connection of an eager session.
type eagerReader struct{ *Conn }

func (c eagerReader) Read(p []byte) (n int, err error) {
	rc, err := c.raw.(*net.TCPConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	c.state.stretch.yield()
	c.state.eager--
	first := true
	rerr := rc.Read(func(fd uintptr) bool {
		try := func() bool {
			n, err = syscall.Read(int(fd), p)
			return err != syscall.EAGAIN && err != syscall.EINTR
		}
		if !first {
			return try()
		}
		first = false
		// Less than a command wakes nobody, so that Go's runtime does not look up.
		lowWater(fd, len(p)+1)
		done := spin(try)
		lowWater(fd, 1) // this does, if something has come
		if !done {
			c.state.eager = -restTransfers
		}
		return done
	})
	switch {
	case rerr != nil:
		return 0, rerr
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// lowWater sets how much has to come until who waits for a connection is woken.
func lowWater(fd uintptr, n int) {
	_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, n)
}
