package ftp

import (
	"net"
	"runtime"
	"sync"
)

const (
	outSize = blockSize + blockSize/16 // a block, with what TLS adds to it
	// inSize is as much as a socket commonly holds. Many sessions that take all that
	// has come at once need a tenth less processor time than with 1 MiB.
	inSize = 4 << 20
)

var (
	outBuffers = sync.Pool{New: func() any { return new([outSize]byte) }}
	inBuffers  = sync.Pool{New: func() any { return new([inSize]byte) }}
	// inTurns bound how many of the latter are in use, as sessions that wait for a
	// slow disk hold on to them.
	inTurns = sync.OnceValue(func() chan struct{} { return make(chan struct{}, 4*runtime.GOMAXPROCS(0)) })
)

// getIn returns nil if there are enough in use.
func getIn() *[inSize]byte {
	select {
	case inTurns() <- struct{}{}:
		return inBuffers.Get().(*[inSize]byte)
	default:
		return nil
	}
}

func putIn(b *[inSize]byte) {
	inBuffers.Put(b)
	<-inTurns()
}

// A bulkConn lies between TLS and the network on a data connection. TLS makes a
// system call for each record of 16 KiB; this one makes one for several, which
// saves a third of the processor time of a download.
type bulkConn struct {
	net.Conn
	holding bool // writes are kept back until flush
	eager   bool // reads take as much as there is
	out, in []byte
	outBuf  *[outSize]byte
	inBuf   *[inSize]byte
}

// A lateReader takes a buffer when there is something to read, and not while it
// waits. It gives back one into which nothing was read.
type lateReader interface {
	readLate(take func() []byte, giveBack func()) (int, error)
}

func (b *bulkConn) Write(p []byte) (int, error) {
	if !b.holding {
		return b.Conn.Write(p)
	}
	if b.outBuf == nil {
		b.outBuf = outBuffers.Get().(*[outSize]byte)
		b.out = b.outBuf[:0]
	}
	if len(b.out)+len(p) > outSize {
		if err := b.flush(); err != nil {
			return 0, err
		}
	}
	b.out = append(b.out, p...)
	return len(p), nil
}

func (b *bulkConn) flush() error {
	if len(b.out) == 0 {
		return nil
	}
	_, err := b.Conn.Write(b.out)
	b.out = b.out[:0]
	return err
}

func (b *bulkConn) Read(p []byte) (int, error) {
	if len(b.in) == 0 {
		conn, ok := b.Conn.(lateReader)
		if !ok || !b.eager {
			return b.Conn.Read(p)
		}
		n, err := conn.readLate(func() []byte {
			if b.inBuf = getIn(); b.inBuf == nil {
				return p
			}
			return b.inBuf[:]
		}, b.releaseIn)
		if b.inBuf == nil {
			return n, err
		}
		b.in = b.inBuf[:n]
	}
	n := copy(p, b.in)
	if b.in = b.in[n:]; len(b.in) == 0 {
		b.releaseIn()
	}
	return n, nil
}

func (b *bulkConn) releaseIn() {
	if b.inBuf != nil {
		putIn(b.inBuf)
		b.in, b.inBuf = nil, nil
	}
}

// release gives the buffers back. Nothing may be read or written afterwards.
func (b *bulkConn) release() {
	b.releaseIn()
	if b.outBuf != nil {
		outBuffers.Put(b.outBuf)
		b.out, b.outBuf = nil, nil
	}
}
