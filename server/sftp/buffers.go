package sftp

import "sync"

// shortBuffer is room for a packet with the 32 KiB of data that most clients
// read and write at once: many such requests wait at a time, and would hold
// eight times as much memory in buffers for the longest packet.
const shortBuffer = 33 << 10

// Buffers for packets of SFTP with their length.
var (
	shortBuffers = sync.Pool{New: func() any { return newBuffer(shortBuffer) }}
	longBuffers  = sync.Pool{New: func() any { return newBuffer(4 + maxPacket) }}
)

func newBuffer(size int) *[]byte {
	b := make([]byte, size)
	return &b
}

// bufferSize is how large the buffer is that getBuffer returns.
func bufferSize(size int) int {
	if size <= shortBuffer {
		return shortBuffer
	}
	return 4 + maxPacket
}

// getBuffer returns a buffer of size bytes or more, which putBuffer takes back.
// The most that can be asked for is a packet with its length.
func getBuffer(size int) *[]byte {
	if size <= shortBuffer {
		return shortBuffers.Get().(*[]byte)
	}
	return longBuffers.Get().(*[]byte)
}

func putBuffer(b *[]byte) {
	if len(*b) == shortBuffer {
		shortBuffers.Put(b)
	} else {
		longBuffers.Put(b)
	}
}
