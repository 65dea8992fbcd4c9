package ftp

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
)

// pieceConn reads in pieces.
type pieceConn struct {
	net.Conn
	pieces
}

func (c *pieceConn) Read(p []byte) (int, error) { return c.pieces.Read(p) }

func TestBytesOfTelnetAreDroppedBetweenRecordsOnly(t *testing.T) {
	t.Parallel()
	record := func(n int) string {
		return "\x17\x03\x03" + string([]byte{byte(n >> 8), byte(n)}) + strings.Repeat("\xff", n)
	}
	records := []string{record(1), record(0), record(0xfff2), record(300), record(0xff)}
	for _, piece := range []int{1, 2, 3, 5, 7, 1000, 1 << 20} {
		stream := strings.Join(append([]string{""}, records...), "\xff\xf4\xff\xf2")
		got, err := io.ReadAll(&synchConn{Conn: &pieceConn{pieces: pieces{[]byte(stream), piece}}})
		if err != nil || !bytes.Equal(got, []byte(strings.Join(records, ""))) {
			t.Errorf("pieces of %d: %d bytes, %v", piece, len(got), err)
		}
	}
}
