package ftp

import (
	"sync"
	"sync/atomic"
)

// Buffers make transfers fast, and are held while a client or a disk is waited for. So
// there is a budget of bytes for each kind of them: what is beyond has to do with smaller
// ones, however many processors there are and transfers run.
const (
	blockBudget  = 32 << 20
	recordBudget = 32 << 20 // for records of TLS, in both directions
)

// A budget counts bytes. Those of a process share its memory, whatever server they serve.
type budget struct {
	limit int64
	used  atomic.Int64
}

// take reserves bytes, if they are left of a part of the budget.
func (b *budget) take(bytes, limit int64) bool {
	if b.used.Add(bytes) <= limit {
		return true
	}
	b.used.Add(-bytes)
	return false
}

func (b *budget) give(bytes int64) { b.used.Add(-bytes) }

var (
	blockBytes  = budget{limit: blockBudget}
	recordBytes = budget{limit: recordBudget}
)

const (
	// blockSize is how much is read and written at once where the kernel does not move
	// the data itself: several TLS records.
	blockSize = 256 << 10
	// smallBlock is what has to do when there are many.
	smallBlock = 32 << 10
)

var (
	blocks      = sync.Pool{New: func() any { return new([blockSize]byte) }}
	smallBlocks = sync.Pool{New: func() any { return new([smallBlock]byte) }}
)

// getBlock returns a block, which is a small one when many are in use.
func getBlock() []byte {
	if blockBytes.take(blockSize, blockBytes.limit) {
		return blocks.Get().(*[blockSize]byte)[:]
	}
	return smallBlocks.Get().(*[smallBlock]byte)[:]
}

// getFullBlock returns a block that is none of the small ones, whatever is in use.
func getFullBlock() []byte {
	blockBytes.used.Add(blockSize)
	return blocks.Get().(*[blockSize]byte)[:]
}

func putBlock(b []byte) {
	if len(b) == blockSize {
		blockBytes.give(blockSize)
		blocks.Put((*[blockSize]byte)(b))
		return
	}
	smallBlocks.Put((*[smallBlock]byte)(b))
}
