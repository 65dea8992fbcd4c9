package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The ends of the wire have addresses that are for benchmarks (RFC 2544).
var (
	clientEnd = netip.MustParseAddr("198.18.0.1")
	serverEnd = netip.MustParseAddr("198.18.0.2")
)

// wire is a path between two network namespaces, this process's own and one for
// servers: a tun device at each end, and a process that passes packets from one
// to the other, later. The packets are those of the kernel's own TCP, in
// segments of up to 64 KiB as it gives them to a network card, so that passing
// them on costs little and what the two ends see is what they see on a network.
type wire struct {
	servers chan func() // run on a thread in the servers' namespace
	relay   *exec.Cmd
}

// newWire makes one, each way later by a delay.
func newWire(delay time.Duration) (*wire, error) {
	w := &wire{servers: make(chan func())}
	go w.serve()
	near, err := newTun(clientEnd)
	if err != nil {
		return w, err
	}
	defer near.Close()
	var far *os.File
	err = w.atServers(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("a network namespace for the servers: %w", err)
		}
		if err := loopbackUp(); err != nil {
			return err
		}
		far, err = newTun(serverEnd)
		return err
	})
	if err != nil {
		return w, err
	}
	defer far.Close()
	program, err := os.Executable()
	if err != nil {
		return w, err
	}
	w.relay = exec.Command(program, helperWire, delay.String())
	w.relay.ExtraFiles = []*os.File{near, far}
	w.relay.Stderr = os.Stderr
	w.relay.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	return w, w.relay.Start()
}

// serve is the thread in the servers' namespace. It lives as long as the wire:
// processes that it starts end with it.
func (w *wire) serve() {
	runtime.LockOSThread()
	for f := range w.servers {
		f()
	}
}

// atServers runs f on that thread: processes that f starts are born in the
// servers' namespace.
func (w *wire) atServers(f func() error) error {
	failed := make(chan error)
	w.servers <- func() { failed <- f() }
	return <-failed
}

func (w *wire) close() {
	if w.relay != nil && w.relay.Process != nil {
		w.relay.Process.Kill()
		w.relay.Wait()
	}
	close(w.servers)
}

// useReno has what is in this thread's network namespace use Reno, whatever the
// machine uses. With no losses that is the same as the usual CUBIC, which a
// namespace may not always choose; BBR would pace what is sent.
func useReno() error {
	return os.WriteFile("/proc/sys/net/ipv4/tcp_congestion_control", []byte("reno"), 0)
}

// newTun makes a tun device in this thread's network namespace, up and with an
// address.
func newTun(addr netip.Addr) (*os.File, error) {
	const name = "wire"
	// Not as a file that Go waits for: that would be before it is a device's.
	fd, err := unix.Open("/dev/net/tun", os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	f := os.NewFile(uintptr(fd), "/dev/net/tun")
	fail := func(err error) (*os.File, error) {
		f.Close()
		return nil, fmt.Errorf("making a tun device: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return fail(err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return fail(err)
	}
	// Neither checksums nor segments of a packet's size are made: nothing is lost here.
	if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4|unix.TUN_F_TSO6); err != nil {
		return fail(err)
	}
	if err := errors.Join(configure(name, addr), useReno()); err != nil {
		return fail(err)
	}
	return f, nil
}

// queueLength is how many packets may wait at an end for the relay.
const queueLength = 10000

// loopbackUp makes this thread's network namespace's own interface work.
func loopbackUp() error {
	return withSocket(func(fd int) error {
		r, err := unix.NewIfreq("lo")
		if err != nil {
			return err
		}
		r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
	})
}

// withSocket runs f with a socket of this thread's network namespace.
func withSocket(f func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

// configure gives an interface an address, in a network of the wire's two ends.
func configure(name string, addr netip.Addr) error {
	return withSocket(func(fd int) error {
		set := func(request uint, change func(*unix.Ifreq) error) error {
			r, err := unix.NewIfreq(name)
			if err != nil {
				return err
			}
			if err := change(r); err != nil {
				return err
			}
			return unix.IoctlIfreq(fd, request, r)
		}
		return errors.Join(
			set(unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(addr.AsSlice()) }),
			set(unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr([]byte{255, 255, 255, 252}) }),
			set(unix.SIOCSIFTXQLEN, func(r *unix.Ifreq) error { r.SetUint32(queueLength); return nil }),
			set(unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }),
		)
	})
}
