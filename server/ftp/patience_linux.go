package ftp

import (
	"net"
	"runtime"
	"syscall"
	"unsafe"
)

// A client nearby that moves small files sends its next command, or its data, some
// 50 microseconds after a reply. To park a goroutine meanwhile and to wake a thread
// for it takes as long, so the control connections of such sessions are patient:
// for a few commands, their thread waits itself. And it does so on the processor that
// the client runs on, since client and server take turns; to wake another processor
// takes longer than what either of them does, on virtual machines above all.
const (
	// patientReads is how many commands after a quick transfer are waited for like
	// that, and restTransfers how many of these pass after one did not come in time.
	patientReads  = 8
	restTransfers = 16
)

// A patience is that of a control connection, as its goroutine knows it. While
// positive, reads is the number of reads to be patient for; while negative, of quick
// transfers until that is tried again.
type patience struct {
	reads  int
	pinned bool
	cpu    int    // where, if pinned
	before cpuSet // where the thread may run otherwise
}

// renew is called for each quick transfer.
func (p *patience) renew() {
	if p.reads < 0 {
		p.reads++
	} else {
		p.reads = patientReads
	}
}

// await waits in vain at most once.
func (p *patience) await(fd int) bool {
	if p.reads > 0 {
		p.reads--
		p.pin(fd)
		if await(fd, pollIn) {
			return true
		}
		p.reads = -restTransfers
	}
	p.unpin()
	return false
}

// cpuSet is cpu_set_t of sched.h, for 1024 processors.
type cpuSet [128]byte

// pin has the thread run where the connection's last packet was received: within a
// node, that is where the client ran when it sent that. It may have moved since.
func (p *patience) pin(fd int) {
	const soIncomingCPU = 49 // asm-generic/socket.h
	cpu, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, soIncomingCPU)
	if err != nil || cpu < 0 || cpu >= 8*len(cpuSet{}) || p.pinned && cpu == p.cpu {
		return
	}
	if !p.pinned {
		runtime.LockOSThread()
		if affinity(syscall.SYS_SCHED_GETAFFINITY, &p.before) != 0 {
			runtime.UnlockOSThread()
			return
		}
		p.pinned = true
	}
	var only cpuSet
	only[cpu/8] = 1 << (cpu % 8)
	if affinity(syscall.SYS_SCHED_SETAFFINITY, &only) == 0 {
		p.cpu = cpu
	}
}

// unpin is called before the goroutine parks. A thread that cannot be what it was
// remains locked, and ends with its goroutine.
func (p *patience) unpin() {
	if p.pinned {
		p.pinned = false
		if affinity(syscall.SYS_SCHED_SETAFFINITY, &p.before) == 0 {
			runtime.UnlockOSThread()
		}
	}
}

func affinity(call uintptr, set *cpuSet) syscall.Errno {
	_, _, errno := syscall.RawSyscall(call, 0, unsafe.Sizeof(*set), uintptr(unsafe.Pointer(set))) //nolint:gosec // of that size
	return errno
}

// waiters bound how many threads wait for clients at a time.
var waiters = make(chan struct{}, 4)

const pollIn, pollOut = 1, 4 // asm-generic/poll.h

// await waits in this thread until a connection can be read from, or written to. It
// returns false if that takes longer than quickTime, or if too many wait already.
func await(fd int, events int16) bool {
	select {
	case waiters <- struct{}{}:
	default:
		return false
	}
	defer func() { <-waiters }()
	poll := struct {
		fd              int32
		events, revents int16
	}{fd: int32(fd), events: events}
	left := syscall.NsecToTimespec(quickTime.Nanoseconds())
	for {
		n, _, errno := syscall.Syscall6(syscall.SYS_PPOLL,
			uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&left)), 0, 0, 0) //nolint:gosec // the kernel writes no more
		if errno != syscall.EINTR { // it has written what is left
			return errno == 0 && n > 0
		}
	}
}

// quietNearby makes a control connection quiet if the client is nearby.
func quietNearby(conn net.Conn) net.Conn {
	near := false
	if tcp, ok := conn.(*net.TCPConn); ok {
		if rc, err := tcp.SyscallConn(); err == nil {
			_ = rc.Control(func(fd uintptr) { near = isNearby(roundTripTime(fd)) })
		}
	}
	if !near {
		return conn
	}
	return quiet(conn)
}

// expectMore makes the session patient after a quick transfer.
func (c *Conn) expectMore() {
	if q, ok := c.raw.(*quietConn); ok && c.nc == c.raw {
		q.patience.renew()
	}
}

// expectNoMore ends that.
func (c *Conn) expectNoMore() {
	if q, ok := c.raw.(*quietConn); ok {
		q.patience.unpin()
	}
}
