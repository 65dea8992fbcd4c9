package ftp

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// To a client on the same machine there is nothing to pace for; on a node that does
// not pace, nothing is changed.
func TestOnlyConnectionsThatLeaveTheNodeArePaced(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		t.Fatal(err)
	}
	far := strings.TrimSpace(string(b))
	near := far
	if strings.HasPrefix(far, "bbr") {
		near = "reno"
	}
	passive, active := dataConnections(t)
	for name, conn := range map[string]net.Conn{"passive": passive, "active": active} {
		pace(conn)
		control(t, conn, func(fd uintptr) {
			if got := congestionControl(t, fd); got != near {
				t.Errorf("a %s connection on the loopback uses %s, not %s", name, got, near)
			}
			paceBy(fd, nearby)
			if got := congestionControl(t, fd); got != far {
				t.Errorf("a %s connection to far away uses %s, not %s", name, got, far)
			}
		})
	}
}

// dataConnections returns two ends that the server has of data connections.
func dataConnections(t *testing.T) (passive, active net.Conn) {
	t.Helper()
	local, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	raw := unmanaged(local)
	t.Cleanup(raw.close)
	addr := local.Addr().(*net.TCPAddr).AddrPort()
	target := activeTarget{addr: addr, local: net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}
	active, err = target.next(context.Background(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { active.Close() })
	accepted, from := raw.accept()
	if accepted == nil || from != netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		t.Fatalf("accepted %v from %v", accepted, from)
	}
	passive, err = accepted.conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { passive.Close() })
	return passive, active
}

func congestionControl(t *testing.T, fd uintptr) string {
	t.Helper()
	var name [16]byte
	size := uint32(len(name))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_CONGESTION,
		uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	return strings.TrimRight(string(name[:size]), "\x00")
}

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
	passive, _ := dataConnections(t)
	const quickAck = 12 // TCP_QUICKACK of linux/tcp.h
	at := func(handshaken bool) (now int) {
		b := &bulkConn{Conn: passive, handshaken: handshaken}
		control(t, passive, func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, quickAck, 0) })
		if _, err := b.Write([]byte("flight")); err != nil {
			t.Fatal(err)
		}
		control(t, passive, func(fd uintptr) {
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
