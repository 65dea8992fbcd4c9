package move

import (
	"io"
	"math"
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

// A budget counts the bytes that are in use.
type budget struct{ used atomic.Int64 }

// get returns a buffer, or nil if more than limit bytes would be in use.
func (b *budget) get(size, limit int64) []byte {
	if b.used.Add(size) <= limit {
		return get(int(size))
	}
	b.used.Add(-size)
	return nil
}

// put takes a buffer of get's back.
func (b *budget) put(buffer []byte) {
	b.used.Add(-int64(len(buffer)))
	put(buffer)
}

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
	if block := b.blocks.get(BlockSize, blockBudget); block != nil {
		return block
	}
	return get(smallBlock)
}

// FullBlock returns a block that is none of the small ones, whatever is in use. It has to
// be given back with PutBlock.
func (b *Buffers) FullBlock() []byte { return b.blocks.get(BlockSize, math.MaxInt64) }

// PutBlock gives a block back.
func (b *Buffers) PutBlock(block []byte) {
	if len(block) == smallBlock {
		put(block)
		return
	}
	b.blocks.put(block)
}

// out returns a buffer for records that are sent.
func (b *Buffers) out() []byte {
	if out := b.records.get(outSize, recordBudget); out != nil {
		return out
	}
	return get(smallOut)
}

func (b *Buffers) putOut(out []byte) {
	if len(out) == smallOut {
		put(out)
		return
	}
	b.records.put(out)
}

// in returns a buffer for many records that come, or nil if there are enough in use.
func (b *Buffers) in() []byte {
	if in := b.records.get(inSize, largeIn); in != nil {
		return in
	}
	return b.records.get(mediumIn, recordBudget)
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
