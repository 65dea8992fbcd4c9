package sftp

import "testing"

func TestABufferHoldsItsPacketAndLittleMore(t *testing.T) {
	for _, tc := range []struct {
		name       string
		size, most int
	}{
		{"a short read", dataHead + 4<<10, 64 << 10},
		{"a read of 32 KiB, as most clients send", dataHead + 32<<10, 64 << 10},
		{"a write of 32 KiB", 32<<10 + smallPacket, 64 << 10},
		{"a read of 64 KiB", dataHead + 64<<10, 4 + maxPacket},
		{"the longest packet", 4 + maxPacket, 4 + maxPacket},
	} {
		b := getBuffer(tc.size)
		if n := len(*b); n < tc.size || n > tc.most {
			t.Errorf("%s: %d bytes have a buffer of %d", tc.name, tc.size, n)
		}
		putBuffer(b)
	}
}
