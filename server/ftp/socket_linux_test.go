package ftp

import (
	"net"
	"syscall"
	"testing"
)

func control(t *testing.T, conn net.Conn, f func(fd uintptr)) {
	t.Helper()
	rc, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := rc.Control(f); err != nil {
		t.Fatal(err)
	}
}

// A client with Nagle's algorithm waits for the acknowledgement of what it has sent of
// its handshake, which the system delays on a connection that has answered before.
func TestAHandshakeIsAcknowledgedAtOnce(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const quickAck = 12 // TCP_QUICKACK of linux/tcp.h
	at := func(handshaken bool) (now int) {
		b := &bulkConn{Conn: conn, handshaken: handshaken}
		control(t, conn, func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, quickAck, 0) })
		if _, err := b.Write([]byte("flight")); err != nil {
			t.Fatal(err)
		}
		control(t, conn, func(fd uintptr) {
			var err error
			if now, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, quickAck); err != nil {
				t.Error(err)
			}
		})
		return now
	}
	if at(false) != 1 || at(true) != 0 {
		t.Errorf("within a handshake %d, later %d", at(false), at(true))
	}
}
