package move

import "testing"

func TestBuffersHaveABudget(t *testing.T) {
	t.Parallel()
	b := &Buffers{}
	var blocks, records [][]byte
	for range 2 * blockBudget / BlockSize {
		blocks = append(blocks, b.block())
	}
	if used := b.blocks.used.Load(); used > blockBudget {
		t.Errorf("%d bytes of blocks are in use", used)
	}
	if n := len(blocks[len(blocks)-1]); n != smallBlock {
		t.Errorf("the last block has %d bytes", n)
	}
	full := b.FullBlock()
	if len(full) != BlockSize {
		t.Errorf("what is appended in one piece has %d bytes", len(full))
	}
	for in := b.in(); in != nil; in = b.in() {
		records = append(records, in)
	}
	if used := b.records.used.Load(); used > recordBudget || used < recordBudget-mediumIn {
		t.Errorf("%d bytes for records are in use", used)
	}
	if n := len(records[len(records)-1]); n != mediumIn {
		t.Errorf("the last buffer for records has %d bytes", n)
	}
	out := b.out()
	if len(out) != smallOut {
		t.Errorf("what is sent goes through %d bytes", len(out))
	}
	b.putOut(out)
	for _, block := range append(blocks, full) {
		b.PutBlock(block)
	}
	for _, in := range records {
		b.records.put(in)
	}
	if blocks, records := b.blocks.used.Load(), b.records.used.Load(); blocks != 0 || records != 0 {
		t.Errorf("%d and %d bytes are in use in the end", blocks, records)
	}
}
