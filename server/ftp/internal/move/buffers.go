package move

import (
	"io"
	"sync"
	"sync/atomic"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move/tlsrecord"
)

// Buffers make transfers fast, and are held while a client or a disk is waited for. So
// there is a budget of bytes for each kind of them, which the transfers of a server share:
// what is beyond has to do with smaller ones, however many processors there are and
// transfers run. The zero value is ready.
type Buffers struct{ blocks, records budget }

const (
	blockBudget  = 32 << 20
	recordBudget = 32 << 20 // for records of TLS, in both directions

	// BlockSize is how much is read and written at once where the kernel does not move
	// the data itself: several TLS records.
	BlockSize = 256 << 10
	// smallBlock is what has to do when there are many.
	smallBlock = 32 << 10
	// outSize is a block, with what TLS adds to it, and smallOut is a small one.
	outSize  = BlockSize + BlockSize/16
	smallOut = smallBlock + smallBlock/16
	// inSize is how many bytes of records are read at once, at most. With 4 MiB, 32
	// sessions are a tenth slower.
	inSize = 2 << 20
	// mediumIn is how much it is when many sessions hold on to buffers, because they
	// wait for a slow disk. These have a part of the budget for themselves.
	mediumIn = 128 << 10
	largeIn  = recordBudget * 3 / 4
)

// A budget counts bytes.
type budget struct{ used atomic.Int64 }

// take reserves bytes, unless more than limit would be in use.
func (b *budget) take(bytes, limit int64) bool {
	if b.used.Add(bytes) <= limit {
		return true
	}
	b.used.Add(-bytes)
	return false
}

func (b *budget) give(bytes int) { b.used.Add(int64(-bytes)) }

// pools have buffers that are not in use, by size.
var pools = map[int]*sync.Pool{
	BlockSize: {}, smallBlock: {}, outSize: {}, smallOut: {}, inSize: {}, mediumIn: {}, tlsrecord.MaxSize: {},
}

func get(size int) []byte {
	if b, ok := pools[size].Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, size)
}

func put(b []byte) { pools[len(b)].Put(&b) }

// block returns a block, which is a small one when many are in use.
func (b *Buffers) block() []byte {
	if b.blocks.take(BlockSize, blockBudget) {
		return get(BlockSize)
	}
	return get(smallBlock)
}

// FullBlock returns a block that is none of the small ones, whatever is in use. It has to
// be given back with PutBlock.
func (b *Buffers) FullBlock() []byte {
	b.blocks.used.Add(BlockSize)
	return get(BlockSize)
}

// PutBlock gives a block back.
func (b *Buffers) PutBlock(block []byte) {
	if len(block) == BlockSize {
		b.blocks.give(BlockSize)
	}
	put(block)
}

// out returns a buffer for records that are sent.
func (b *Buffers) out() []byte {
	if b.records.take(outSize, recordBudget) {
		return get(outSize)
	}
	return get(smallOut)
}

func (b *Buffers) putOut(out []byte) {
	if len(out) == outSize {
		b.records.give(outSize)
	}
	put(out)
}

// in returns a buffer for many records that come, or nil if there are enough in use.
func (b *Buffers) in() []byte {
	switch {
	case b.records.take(inSize, largeIn):
		return get(inSize)
	case b.records.take(mediumIn, recordBudget):
		return get(mediumIn)
	}
	return nil
}

func (b *Buffers) putIn(in []byte) {
	b.records.give(len(in))
	put(in)
}

// Copy copies what src has to dst. Both tell their own errors.
func (b *Buffers) Copy(dst io.Writer, src io.Reader) error {
	block := b.block()
	defer b.PutBlock(block)
	for {
		n, err := src.Read(block)
		if n > 0 {
			if _, werr := dst.Write(block[:n]); werr != nil {
				return werr
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}
