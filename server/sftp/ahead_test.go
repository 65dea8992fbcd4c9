package sftp_test

import (
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"
)

// paramiko asks for a whole file ahead and takes replies while it does. When it
// has filled the channel with requests, and the server its own with replies, the
// room for more of these comes behind the requests.
func TestAFileCanBeAskedForWithoutEnd(t *testing.T) {
	t.Parallel()
	const requests, length = 90_000, 64 // 60000 fill the channel
	f := serve(t)
	f.put("f", string(make([]byte, requests*length)))
	r := f.raw()
	_, handle := r.call(fxpOpen, "/f", uint32(openRead), uint32(0))
	handle = handle[4:]
	var sent atomic.Int64
	go func() {
		for i := range uint64(requests) {
			if _, err := r.channel.Write(packet(fxpRead, uint32(i), string(handle), i*length, uint32(length))); err != nil {
				return
			}
			sent.Add(1)
		}
	}()
	// Until the client can send no more, it takes nothing.
	last := int64(-1)
	for beat := time.Tick(200 * time.Millisecond); sent.Load() != last && sent.Load() < requests; <-beat {
		last = sent.Load()
	}
	t.Logf("%d requests were sent ahead", sent.Load())
	for i := range uint32(requests) {
		kind, body := r.receive()
		if id := binary.BigEndian.Uint32(body); kind != fxpData || id != i {
			t.Fatalf("reply %d is %d for request %d", i, kind, id)
		}
	}
}
