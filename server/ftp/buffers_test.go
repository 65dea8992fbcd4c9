package ftp

import (
	"bytes"
	"net"
	"testing"
	"time"
)

// A sinkConn takes what is written.
type sinkConn struct{ *bytes.Buffer }

func (sinkConn) Close() error                     { return nil }
func (sinkConn) LocalAddr() net.Addr              { return nil }
func (sinkConn) RemoteAddr() net.Addr             { return nil }
func (sinkConn) SetDeadline(time.Time) error      { return nil }
func (sinkConn) SetReadDeadline(time.Time) error  { return nil }
func (sinkConn) SetWriteDeadline(time.Time) error { return nil }

// It takes all buffers that there are, and so is not parallel.
func TestBuffersHaveABudget(t *testing.T) {
	var all [][]byte
	for range 2 * blockBudget / blockSize {
		all = append(all, getBlock())
	}
	if used := blockBytes.used.Load(); used > blockBudget {
		t.Errorf("%d bytes of blocks are in use", used)
	}
	if n := len(all[len(all)-1]); n != smallBlock {
		t.Errorf("the last block has %d bytes", n)
	}
	if n := len(getFullBlock()); n != blockSize {
		t.Errorf("what is appended in one piece has %d bytes", n)
	}
	putBlock(make([]byte, blockSize))
	for _, b := range all {
		putBlock(b)
	}
	if used := blockBytes.used.Load(); used != 0 {
		t.Errorf("%d bytes of blocks are in use in the end", used)
	}
	var outs [][]byte
	for range 2 * recordBudget / outSize {
		outs = append(outs, getOut())
	}
	if used := recordBytes.used.Load(); used > recordBudget {
		t.Errorf("%d bytes for records are in use", used)
	}
	var sent bytes.Buffer
	b := &bulkConn{Conn: sinkConn{&sent}, holding: true}
	for range 10 {
		if n, err := b.Write(make([]byte, 16<<10)); n != 16<<10 || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := b.flush(); err != nil || sent.Len() != 160<<10 {
		t.Errorf("%d bytes were sent in small pieces, %v", sent.Len(), err)
	}
	b.release()
	for _, out := range outs {
		putOut(out)
	}
	if used := recordBytes.used.Load(); used != 0 {
		t.Errorf("%d bytes for records are in use in the end", used)
	}
}
