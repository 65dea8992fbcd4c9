package sftp

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	wireChunk = 128 << 10 // how much is read from the network at once when much comes
	wireQueue = 256 << 10 // how much may wait to be written
	wireSmall = 4096      // the buffers of x/crypto: less than that is one whole packet
)

var wireBuffers = sync.Pool{New: func() any { b := make([]byte, 0, wireQueue+wireChunk); return &b }}

// A wire is the connection below SSH. x/crypto makes three small system calls
// for each packet in each direction, and encrypts on the goroutine that makes
// them; a wire makes fewer and larger ones, and writes while the next packets
// are being encrypted. It holds no buffer while nothing moves.
//
// Its lock is never held while something is written. So whoever ends the
// connection has not to wait for a client that reads nothing.
type wire struct {
	net.Conn
	inflow inflow

	// Only used by the reader.
	in     []byte // was read from the network, and not by SSH yet
	inBuf  *[]byte
	eager  bool // the last read was full, so there is more
	packet bool // the client has sent a packet of SSH

	heard   atomic.Int64 // when something was last read, since epoch
	writing atomic.Int64 // since when the client has taken nothing of what is written to it, or 0
	full    atomic.Int64 // when somebody last had to wait for room

	mu       sync.Mutex
	room     sync.Cond
	skip     int // bytes that SSH writes and that have been sent already
	out      *[]byte
	flushing bool // somebody writes to the network
	closed   bool
	err      error
}

func newWire(nc net.Conn) *wire {
	w := &wire{Conn: nc}
	w.room.L = &w.mu
	w.inflow.closed = make(chan struct{})
	return w
}

func (w *wire) Read(p []byte) (int, error) {
	if len(w.in) == 0 {
		w.release()
		if err := w.inflow.wait(); err != nil {
			return 0, err
		}
		if !w.eager || len(p) >= wireChunk {
			n, err := w.Conn.Read(p)
			w.eager = n == len(p) && n >= wireSmall
			w.received(n)
			return n, err
		}
		w.inBuf = wireBuffers.Get().(*[]byte)
		n, err := w.Conn.Read((*w.inBuf)[:wireChunk])
		w.eager = n >= wireChunk/2
		if err != nil {
			w.release()
			return 0, err
		}
		w.received(n)
		w.in = (*w.inBuf)[:n]
	}
	n := copy(p, w.in)
	w.in = w.in[n:]
	return n, nil
}

func (w *wire) received(n int) {
	w.heard.Store(sinceEpoch())
	w.inflow.add(n)
}

func (w *wire) release() {
	w.in = nil
	if w.inBuf != nil {
		wireBuffers.Put(w.inBuf)
		w.inBuf = nil
	}
}

func (w *wire) Write(p []byte) (int, error) {
	n := len(p)
	w.mu.Lock()
	skip := min(w.skip, n)
	w.skip -= skip
	p = p[skip:]
	for len(p) > 0 && w.err == nil && !w.closed && w.out != nil && len(*w.out) >= wireQueue {
		w.room.Wait()
		w.full.Store(sinceEpoch())
	}
	err, alone := w.err, !w.flushing && len(p) < wireSmall
	switch {
	case len(p) == 0 || err != nil:
	case w.closed:
		err = net.ErrClosed
	case alone:
		w.flushing = true
		w.mu.Unlock()
		if err = w.send(p); !w.wrote(err) {
			go w.flush()
		}
		w.mu.Lock()
	default:
		w.queue(p)
	}
	w.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return n, nil
}

// queue has p written by a goroutine of its own. The lock is held.
func (w *wire) queue(p []byte) {
	if w.out == nil {
		w.out = wireBuffers.Get().(*[]byte)
	}
	*w.out = append(*w.out, p...)
	if !w.flushing {
		w.flushing = true
		go w.flush()
	}
}

// flush writes what waits, and ends when nothing does.
func (w *wire) flush() {
	for {
		w.mu.Lock()
		out := w.out
		w.out = nil
		w.room.Broadcast()
		w.mu.Unlock()
		if out == nil {
			return
		}
		err := w.send(*out)
		*out = (*out)[:0]
		wireBuffers.Put(out)
		if w.wrote(err) {
			return
		}
	}
}

// wrote is called by whoever has written to the network, and reports whether
// nothing else waits to be written. If so, others may write.
func (w *wire) wrote(err error) (over bool) {
	w.mu.Lock()
	if err != nil {
		w.fail(err)
	}
	over = w.out == nil || w.err != nil
	closed := w.closed
	if over {
		w.flushing = false
	}
	w.mu.Unlock()
	if over && closed {
		w.Conn.Close()
	}
	return over
}

// send writes b to the network, and notes when the client has taken some of it.
func (w *wire) send(b []byte) error {
	w.writing.Store(sinceEpoch())
	defer w.writing.Store(0)
	for {
		n, err := w.Conn.Write(b)
		if b = b[n:]; n > 0 {
			w.writing.Store(sinceEpoch())
		}
		if len(b) == 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !w.resume() {
			return err
		}
	}
}

// poke interrupts a write for a moment, so that it notes how far it has come.
func (w *wire) poke() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed && w.writing.Load() > 0 {
		w.Conn.SetWriteDeadline(time.Unix(1, 0))
	}
}

// resume reports whether a write that was interrupted goes on.
func (w *wire) resume() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.Conn.SetWriteDeadline(time.Time{})
	}
	return !w.closed
}

// stalled returns for how long the client has taken nothing of what is being
// written, and whether something is.
func (w *wire) stalled() (time.Duration, bool) {
	since := w.writing.Load()
	if since == 0 {
		return 0, false
	}
	return time.Duration(sinceEpoch() - since), true
}

// fail has all that wait know of an error. The lock is held.
func (w *wire) fail(err error) {
	if w.err == nil {
		w.err = err
	}
	w.inflow.stop()
	w.room.Broadcast()
}

// close notes that the wire is closed, and returns false if it was. The lock
// is held.
func (w *wire) close() bool {
	if w.closed {
		return false
	}
	w.closed = true
	w.inflow.stop()
	w.room.Broadcast()
	return true
}

// Close ends reading at once, and writing when what waits is written, or a
// second later.
func (w *wire) Close() error {
	w.SetReadDeadline(time.Unix(1, 0))
	w.mu.Lock()
	first, flushing := w.close(), w.flushing
	if first {
		w.Conn.SetWriteDeadline(time.Now().Add(time.Second))
	}
	w.mu.Unlock()
	switch {
	case !first:
		return net.ErrClosed
	case flushing:
		return nil
	}
	return w.Conn.Close()
}

// Abort closes the connection without writing what waits.
func (w *wire) Abort() {
	w.Conn.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail(net.ErrClosed)
	w.close()
}
