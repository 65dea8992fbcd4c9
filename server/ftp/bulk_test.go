package ftp

import (
	"bytes"
	"io"
	"net"
	"testing"
)

// A lateConnStub has data, though not at once.
type lateConnStub struct {
	net.Conn
	data *bytes.Reader
	held func() bool // whether a buffer is held
	t    *testing.T
}

func (s lateConnStub) readLate(take func() []byte, giveBack func()) (int, error) {
	take()
	giveBack()
	if s.held() {
		s.t.Error("a buffer is held while nothing comes")
	}
	n, err := s.data.Read(take())
	if n == 0 {
		giveBack()
	}
	return n, err
}

func TestABulkConnectionHoldsABufferOnlyWithDataInIt(t *testing.T) {
	t.Parallel()
	read := func() {
		t.Helper()
		want := bytes.Repeat([]byte("data"), inSize/3)
		b := &bulkConn{eager: true}
		b.Conn = lateConnStub{data: bytes.NewReader(want), held: func() bool { return b.inBuf != nil }, t: t}
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes of %d came, %v", len(got), len(want), err)
		}
		if b.inBuf != nil {
			t.Error("a buffer is held in the end")
		}
	}
	read()
	taken := 0
	for getIn() != nil {
		taken++
	}
	read() // without
	if taken == 0 {
		t.Error("there was no buffer")
	}
	for range taken {
		putIn(new([inSize]byte))
	}
}
