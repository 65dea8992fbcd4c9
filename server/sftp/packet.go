package sftp

import "encoding/binary"

// A decoder takes values from the payload of a packet (RFC 4251 section 5). When
// one is cut short, all that follow are zero, and failed is set.
type decoder struct {
	b      []byte
	failed bool
}

func (d *decoder) take(n uint32) []byte {
	if d.failed || uint64(len(d.b)) < uint64(n) {
		d.failed = true
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) uint32() uint32 {
	if b := d.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) bytes() []byte  { return d.take(d.uint32()) }
func (d *decoder) string() string { return string(d.bytes()) }

// An encoder appends values to a packet.
type encoder struct{ b []byte }

func (e *encoder) byte(v byte)     { e.b = append(e.b, v) }
func (e *encoder) uint32(v uint32) { e.b = binary.BigEndian.AppendUint32(e.b, v) }
func (e *encoder) uint64(v uint64) { e.b = binary.BigEndian.AppendUint64(e.b, v) }

func (e *encoder) string(s string) {
	e.uint32(uint32(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) bytes(s []byte) {
	e.uint32(uint32(len(s)))
	e.b = append(e.b, s...)
}

// patchUint32 sets a value at the beginning of b.
func patchUint32(b []byte, v uint32) { binary.BigEndian.PutUint32(b, v) }
