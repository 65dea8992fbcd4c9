package main

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// packetSize is the most that a tun device gives at once: a segment of
	// 64 KiB, with the header that says into what a card would cut it.
	packetSize = 64<<10 + 64
	// onTheWay is how many packets may be under way in one direction.
	onTheWay = 8192
)

// runWire passes packets between two tun devices, which the process has
// inherited, until it is killed.
func runWire(delay time.Duration) error {
	const near, far = 3, 4
	for _, fd := range []int{near, far} {
		if err := unix.SetNonblock(fd, true); err != nil {
			return err
		}
	}
	failed := make(chan error)
	go func() { failed <- passPackets(far, near, delay) }()
	go func() { failed <- passPackets(near, far, delay) }()
	return <-failed
}

// packet is one that is under way.
type packet struct {
	data []byte // the whole buffer
	size int
	due  time.Time
}

// oneWay is a direction of the wire.
type oneWay struct {
	to, from int
	delay    time.Duration
	packets  [onTheWay]packet // a ring
	first, n int
	buffers  [][]byte // that are free; the last that was used is the next, for it is in the cache
}

// passPackets writes what it reads, later. It has a thread of its own that the
// kernel runs before all others, or a server that takes the processors would
// take the network with them.
func passPackets(to, from int, delay time.Duration) error {
	runtime.LockOSThread()
	attr := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
	if err := unix.SchedSetAttr(0, attr, 0); err != nil {
		return fmt.Errorf("a real-time thread for the wire: %w", err)
	}
	w := &oneWay{to: to, from: from, delay: delay}
	for {
		if err := w.wait(); err != nil {
			return err
		}
		// A batch before each look at the other side, so that neither waits long.
		for range 16 {
			received, err := w.receive()
			if err != nil {
				return err
			}
			sent, err := w.send()
			if err != nil {
				return err
			}
			if !received && !sent {
				break
			}
		}
	}
}

// wait returns when there is a packet to read, or one is due.
func (w *oneWay) wait() error {
	var timeout *unix.Timespec
	if w.n > 0 {
		left := unix.NsecToTimespec(max(0, int64(time.Until(w.packets[w.first].due))))
		timeout = &left
	}
	readable := []unix.PollFd{{Fd: int32(w.from), Events: unix.POLLIN}}
	if w.n == onTheWay {
		readable = nil
	}
	_, err := unix.Ppoll(readable, timeout, nil)
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	return err
}

// receive takes a packet, if there is one and room for it.
func (w *oneWay) receive() (bool, error) {
	if w.n == onTheWay {
		return false, nil
	}
	if len(w.buffers) == 0 {
		w.buffers = append(w.buffers, make([]byte, packetSize))
	}
	last := len(w.buffers) - 1
	b := w.buffers[last]
	n, err := unix.Read(w.from, b)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return false, nil
	case err != nil:
		return false, err
	}
	w.buffers = w.buffers[:last]
	w.packets[(w.first+w.n)%onTheWay] = packet{b, n, time.Now().Add(w.delay)}
	w.n++
	return true, nil
}

// send delivers the first packet, if it is due. Like a network it does not say
// whether somebody takes it.
func (w *oneWay) send() (bool, error) {
	if w.n == 0 {
		return false, nil
	}
	p := w.packets[w.first]
	if time.Until(p.due) > 0 {
		return false, nil
	}
	w.first = (w.first + 1) % onTheWay
	w.n--
	w.buffers = append(w.buffers, p.data)
	_, err := unix.Write(w.to, p.data[:p.size])
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.EINVAL) {
		err = nil
	}
	return true, err
}
