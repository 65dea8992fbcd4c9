package sftp

import (
	"net"
	"sync"
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
type wire struct {
	net.Conn

	// Only used by the reader.
	in     []byte // was read from the network, and not by SSH yet
	inBuf  *[]byte
	eager  bool // the last read was full, so there is more
	packet bool // the client has sent a packet of SSH

	mu       sync.Mutex
	room     sync.Cond
	skip     int // bytes that SSH writes and that have been sent already
	out      *[]byte
	flushing bool
	closed   bool
	err      error
}

func newWire(nc net.Conn) *wire {
	w := &wire{Conn: nc}
	w.room.L = &w.mu
	return w
}

func (w *wire) Read(p []byte) (int, error) {
	if len(w.in) == 0 {
		w.release()
		if !w.eager || len(p) >= wireChunk {
			n, err := w.Conn.Read(p)
			w.eager = n == len(p) && n >= wireSmall
			return n, err
		}
		w.inBuf = wireBuffers.Get().(*[]byte)
		n, err := w.Conn.Read((*w.inBuf)[:wireChunk])
		w.eager = n >= wireChunk/2
		if err != nil {
			w.release()
			return 0, err
		}
		w.in = (*w.inBuf)[:n]
	}
	n := copy(p, w.in)
	w.in = w.in[n:]
	return n, nil
}

func (w *wire) release() {
	w.in = nil
	if w.inBuf != nil {
		wireBuffers.Put(w.inBuf)
		w.inBuf = nil
	}
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(p)
	skip := min(w.skip, n)
	w.skip -= skip
	if p = p[skip:]; len(p) == 0 {
		return n, w.err
	}
	for w.err == nil && w.out != nil && len(*w.out) >= wireQueue {
		w.room.Wait()
	}
	if w.err != nil {
		return 0, w.err
	}
	if w.closed {
		return 0, net.ErrClosed
	}
	if !w.flushing && len(p) < wireSmall {
		if _, err := w.Conn.Write(p); err != nil {
			w.fail(err)
			return 0, err
		}
		return n, nil
	}
	if w.out == nil {
		w.out = wireBuffers.Get().(*[]byte)
	}
	*w.out = append(*w.out, p...)
	if !w.flushing {
		w.flushing = true
		go w.flush()
	}
	return n, nil
}

// flush writes what waits, and ends when nothing does.
func (w *wire) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.out != nil && w.err == nil {
		out := w.out
		w.out = nil
		w.room.Broadcast()
		w.mu.Unlock()
		_, err := w.Conn.Write(*out)
		*out = (*out)[:0]
		wireBuffers.Put(out)
		w.mu.Lock()
		if err != nil {
			w.fail(err)
		}
	}
	w.flushing = false
	if w.closed {
		w.Conn.Close()
	}
}

func (w *wire) fail(err error) {
	if w.err == nil {
		w.err = err
	}
	w.room.Broadcast()
}

// Close ends reading at once, and writing when what waits is written, or a
// second later.
func (w *wire) Close() error {
	w.SetReadDeadline(time.Unix(1, 0))
	w.SetWriteDeadline(time.Now().Add(time.Second))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return net.ErrClosed
	}
	w.closed = true
	w.room.Broadcast()
	if w.flushing {
		return nil
	}
	return w.Conn.Close()
}

// Abort closes the connection without writing what waits.
func (w *wire) Abort() {
	w.mu.Lock()
	w.fail(net.ErrClosed)
	w.closed = true
	w.mu.Unlock()
	w.Conn.Close()
}
