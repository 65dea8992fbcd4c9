package ftp

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
)

const (
	// outSize is a block, with what TLS adds to it, and smallOut is a small one.
	outSize  = blockSize + blockSize/16
	smallOut = smallBlock + smallBlock/16
)

var (
	outBuffers      = sync.Pool{New: func() any { return new([outSize]byte) }}
	smallOutBuffers = sync.Pool{New: func() any { return new([smallOut]byte) }}
)

func getOut() []byte {
	if recordBytes.take(outSize, recordBytes.limit) {
		return outBuffers.Get().(*[outSize]byte)[:]
	}
	return smallOutBuffers.Get().(*[smallOut]byte)[:]
}

func putOut(b []byte) {
	if len(b) == outSize {
		recordBytes.give(outSize)
		outBuffers.Put((*[outSize]byte)(b))
		return
	}
	smallOutBuffers.Put((*[smallOut]byte)(b))
}

// A bulkConn lies between TLS and the network on a data connection. TLS makes a
// system call for each record of 16 KiB that it sends; this one makes one for
// several, which saves a third of the processor time of a download.
type bulkConn struct {
	net.Conn
	holding bool // writes are kept back until flush
	out     []byte
	outBuf  []byte

	ended bool // nothing more comes from the network

	// Until the handshake is over, nothing behind the record that is due is read:
	// it may not be for crypto/tls.
	handshaken bool
	head       []byte // what has come of the header of a record
	due        int    // what has not come of the rest
}

func (b *bulkConn) Write(p []byte) (int, error) {
	if !b.holding {
		n, err := b.Conn.Write(p)
		if !b.handshaken {
			// A client with Nagle's algorithm holds the rest of its flight back until
			// the first packet of it is acknowledged, which the system would delay.
			quickAck(b.Conn)
		}
		return n, err
	}
	if b.outBuf == nil {
		b.outBuf = getOut()
		b.out = b.outBuf[:0]
	}
	if len(b.out)+len(p) > len(b.outBuf) {
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
	const headerSize = 5 // the last two bytes are the length of the rest (RFC 8446 section 5.1)
	switch {
	case b.handshaken:
		n, err := b.Conn.Read(p)
		b.ended = err == io.EOF
		return n, err
	case b.due > 0:
		n, err := b.Conn.Read(p[:min(len(p), b.due)])
		b.due -= n
		return n, err
	}
	n, err := b.Conn.Read(p[:min(len(p), headerSize-len(b.head))])
	if b.head = append(b.head, p[:n]...); len(b.head) == headerSize {
		b.due = int(binary.BigEndian.Uint16(b.head[headerSize-2:]))
		b.head = b.head[:0]
	}
	return n, err
}

// release gives the buffer back. Nothing may be written afterwards.
func (b *bulkConn) release() {
	if b.outBuf != nil {
		putOut(b.outBuf)
		b.out, b.outBuf = nil, nil
	}
}
