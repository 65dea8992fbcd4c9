package move

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
)

// A batch lies between TLS and the network. TLS makes a system call for each record of
// 16 KiB that it sends; a batch makes one for several, which saves a third of the processor
// time of a download.
type batch struct {
	net.Conn
	buffers *Buffers
	holding bool   // writes are kept back until flush
	buffer  []byte // nil until something is held
	out     []byte // what is held
	sent    int    // bytes of out

	ended bool // nothing more comes from the network

	// Until the handshake is over, nothing behind the record that is due is read: what
	// follows may be for records, and not for crypto/tls.
	handshaken bool
	head       []byte // what has come of the header of a record
	due        int    // what has not come of the rest
}

func (b *batch) Write(p []byte) (int, error) {
	if b.holding {
		b.out = append(b.out, p...)
		return len(p), nil
	}
	n, err := b.Conn.Write(p)
	if !b.handshaken {
		// A client with Nagle's algorithm holds the rest of its flight back until
		// the first packet of it is acknowledged, which the system would delay.
		quickAck(b.Conn)
	}
	return n, err
}

// room is how much may be sealed at once, so that with its records it has room.
func (b *batch) room() int {
	if b.buffer == nil {
		b.buffer = b.buffers.out()
		b.out = b.buffer[:0]
	}
	return cap(b.buffer) / 17 * 16
}

// hold has t seal p, and keeps the records until flush.
func (b *batch) hold(t *tls.Conn, p []byte) error {
	b.out, b.sent, b.holding = b.out[:0], 0, true
	_, err := t.Write(p)
	b.holding = false
	return err
}

// flush sends what is held, or a part of it if it fails.
func (b *batch) flush() error {
	if b.sent == len(b.out) {
		return nil
	}
	n, err := b.Conn.Write(b.out[b.sent:])
	b.sent += n
	return err
}

// share is as much of n as has been sent of what is held.
func (b *batch) share(n int) int {
	return int(int64(n) * int64(b.sent) / int64(len(b.out)))
}

func (b *batch) Read(p []byte) (int, error) {
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

func (b *batch) release() {
	if b.buffer != nil {
		b.buffers.putOut(b.buffer)
		b.buffer, b.out, b.sent = nil, nil, 0
	}
}
