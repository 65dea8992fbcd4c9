package ftp_test

import (
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func TestADataConnectionThatCameEarlySendsSmallPacketsAtOnce(t *testing.T) {
	t.Parallel()
	noDelay := make(chan int, 1)
	ts := serve(t, plain, func(s *ftp.Server) {
		s.WrapData = func(_ *ftp.Conn, conn net.Conn) net.Conn {
			value := -1
			if rc, err := conn.(*net.TCPConn).SyscallConn(); err == nil {
				_ = rc.Control(func(fd uintptr) { value, _ = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY) })
			}
			noDelay <- value
			return conn
		}
	})
	c := ts.login()
	conn := c.data(c.epsv())
	c.command("MLSD", "150 ...")
	if _, err := io.ReadAll(conn); err != nil {
		t.Error(err)
	}
	c.expect("226 ...")
	if got := <-noDelay; got != 1 {
		t.Errorf("TCP_NODELAY is %d", got)
	}
}
