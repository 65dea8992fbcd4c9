package server

import (
	"encoding/binary"
	"io"

	"golang.org/x/crypto/ssh"
)

// rawSFTP is a session without a client library.
type rawSFTP struct {
	i          *instance
	ch         ssh.Channel
	id         uint32
	extensions []string
}

func (i *instance) rawSFTP() *rawSFTP {
	i.t.Helper()
	ch := i.channel("subsystem", "sftp")
	r := &rawSFTP{i: i, ch: ch}
	r.write([]byte{1, 0, 0, 0, 3})
	version := r.read()[5:]
	for len(version) > 0 {
		var name, data string
		name, version = cutText(version)
		data, version = cutText(version)
		_ = data
		r.extensions = append(r.extensions, name)
	}
	return r
}

func cutText(b []byte) (text string, rest []byte) {
	n := binary.BigEndian.Uint32(b)
	return string(b[4 : 4+n]), b[4+n:]
}

func (r *rawSFTP) write(packet []byte) {
	r.i.t.Helper()
	if _, err := r.ch.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(packet))), packet...)); err != nil {
		r.i.t.Fatal(err)
	}
}

func (r *rawSFTP) read() []byte {
	r.i.t.Helper()
	var length [4]byte
	if _, err := io.ReadFull(r.ch, length[:]); err != nil {
		r.i.t.Fatal(err)
	}
	packet := make([]byte, binary.BigEndian.Uint32(length[:]))
	if _, err := io.ReadFull(r.ch, packet); err != nil {
		r.i.t.Fatal(err)
	}
	return packet
}

// ask sends a request and returns the reply.
func (r *rawSFTP) ask(kind byte, fields ...any) (reply byte, body []byte) {
	r.i.t.Helper()
	r.id++
	packet := binary.BigEndian.AppendUint32([]byte{kind}, r.id)
	for _, f := range fields {
		switch f := f.(type) {
		case uint32:
			packet = binary.BigEndian.AppendUint32(packet, f)
		case uint64:
			packet = binary.BigEndian.AppendUint64(packet, f)
		case string:
			packet = append(binary.BigEndian.AppendUint32(packet, uint32(len(f))), f...)
		default:
			r.i.t.Fatalf("%T is no field", f)
		}
	}
	r.write(packet)
	answer := r.read()
	return answer[0], answer[5:]
}

// open opens a file for reading and writing, and returns its handle.
func (r *rawSFTP) open(path string) string {
	r.i.t.Helper()
	kind, body := r.ask(3, path, uint32(3), uint32(0))
	if kind != 102 {
		r.i.t.Fatalf("opening %s: %q", path, body)
	}
	handle, _ := cutText(body)
	return handle
}
