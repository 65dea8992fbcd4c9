package ftp

import (
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// BBR, the congestion control of many nodes, spaces segments with a timer so that no
// queue builds up on the way. To a client on the same node there is no way to
// speak of, and the timer takes as long as to send the segment: without it,
// downloads are one and a half times as fast. A socket that has had BBR once keeps the
// timer, so data connections begin without, and those that go further get it.

// nearby is the round trip time within a node, and often within a rack.
const nearby = 200 * time.Microsecond

// unpaced is a congestion control that has no timer, that every kernel has, and
// that every process may choose.
const unpaced = "reno"

// pacing is the node's congestion control if it paces, or "".
var pacing = sync.OnceValue(func() string {
	b, _ := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if name := strings.TrimSpace(string(b)); strings.HasPrefix(name, "bbr") {
		return name
	}
	return ""
})

// unpace takes the timer from a socket that is not connected yet, and from
// those that it accepts.
func unpace(fd uintptr) {
	if pacing() != "" {
		setCongestionControl(fd, unpaced)
	}
}

// pace gives it back to a connection to a client that is not nearby.
func pace(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok || pacing() == "" {
		return
	}
	if rc, err := tcp.SyscallConn(); err == nil {
		_ = rc.Control(func(fd uintptr) { paceBy(fd, roundTripTime(fd)) })
	}
}

func paceBy(fd uintptr, rtt time.Duration) {
	if !isNearby(rtt) {
		setCongestionControl(fd, pacing())
	}
}

func isNearby(rtt time.Duration) bool { return rtt > 0 && rtt < nearby }

func setCongestionControl(fd uintptr, name string) {
	_ = syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CONGESTION, name)
}

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

// roundTripTime is the shortest that the kernel has seen, or 0 if it does not tell.
func roundTripTime(fd uintptr) time.Duration {
	info, ok := tcpInfo(fd)
	if !ok {
		return 0
	}
	return time.Duration(info.MinRTT) * time.Microsecond
}

type connInfo struct { // linux/tcp.h
	syscall.TCPInfo
	_      [11]uint32
	MinRTT uint32 // microseconds
}

func tcpInfo(fd uintptr) (info connInfo, ok bool) {
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // it writes no more than size
	return info, errno == 0 && uintptr(size) >= unsafe.Sizeof(info)
}
