package ftp

import (
	"errors"
	"io"
	"net"
	"sync"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/tlsrecord"
)

const (
	// inSize is how much is read at once, at most. With 4 MiB, 32 sessions are a tenth
	// slower.
	inSize = 2 << 20
	// mediumIn is how much it is when many sessions hold on to buffers, because they
	// wait for a slow disk. These have a part of the budget for themselves.
	mediumIn = 128 << 10
	largeIn  = recordBudget * 3 / 4
)

var (
	inBuffers     = sync.Pool{New: func() any { return new([inSize]byte) }}
	mediumBuffers = sync.Pool{New: func() any { return new([mediumIn]byte) }}
	recordBuffers = sync.Pool{New: func() any { return new([tlsrecord.MaxSize]byte) }}
)

// getIn returns nil if there are enough in use.
func getIn() *[inSize]byte {
	if recordBytes.take(inSize, largeIn) {
		return inBuffers.Get().(*[inSize]byte)
	}
	return nil
}

func putIn(b *[inSize]byte) {
	inBuffers.Put(b)
	recordBytes.give(inSize)
}

// getLarge returns a buffer for many records, or nil if there are enough in use.
func getLarge() []byte {
	if in := getIn(); in != nil {
		return in[:]
	}
	if recordBytes.take(mediumIn, recordBytes.limit) {
		return mediumBuffers.Get().(*[mediumIn]byte)[:]
	}
	return nil
}

func putLarge(b []byte) {
	if len(b) == inSize {
		putIn((*[inSize]byte)(b))
		return
	}
	mediumBuffers.Put((*[mediumIn]byte)(b))
	recordBytes.give(mediumIn)
}

// A recordReader reads what a client sends over TLS 1.3, many records with one
// system call. While it waits it holds a buffer for one.
type recordReader struct {
	conn   net.Conn
	opener *tlsrecord.Opener
	ended  error

	small *[tlsrecord.MaxSize]byte
	large []byte // if it is in use
	in    []byte // what has come and is not opened, in large or small
	data  []byte // what is opened and not read, in front of that
}

func newRecordReader(conn net.Conn, opener *tlsrecord.Opener) *recordReader {
	return &recordReader{conn: conn, opener: opener, small: recordBuffers.Get().(*[tlsrecord.MaxSize]byte)}
}

// A lateReader takes a buffer when there is something to read, and not while it
// waits. It gives back one into which nothing was read.
type lateReader interface {
	readLate(take func() []byte, giveBack func()) (int, error)
}

// errCutRecord is no end without close_notify, which has to do: data is missing.
var errCutRecord = errors.New("ftp: the data connection ended within a TLS record")

// Read reads all that has come. Its error is io.EOF at the end of what is sent, with
// close_notify or without.
func (r *recordReader) Read(p []byte) (n int, err error) {
	for r.ended == nil && n < len(p) {
		if len(r.data) > 0 {
			m := copy(p[n:], r.data)
			n, r.data = n+m, r.data[m:]
			continue
		}
		var record []byte
		switch record, r.in, r.ended = tlsrecord.Next(r.in); {
		case r.ended != nil:
		case record != nil:
			m, err := r.open(p[n:], record)
			n, r.ended = n+m, err
		case n > 0:
			return n, nil
		default:
			if err := r.fill(); err != nil {
				return 0, err
			}
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.ended
}

// open opens a record, into p if p has room.
func (r *recordReader) open(p, record []byte) (int, error) {
	if len(p) >= tlsrecord.Room(record) {
		data, err := r.opener.Open(p[:0], record)
		return len(data), err
	}
	data, err := r.opener.Open(tlsrecord.Payload(record)[:0], record)
	r.data = data
	return 0, err
}

// fill reads what follows the part of a record that r.in has.
func (r *recordReader) fill() error {
	kept := copy(r.small[:], r.in)
	r.releaseLarge()
	n, err := r.receive(kept)
	buffer := r.small[:]
	if r.large != nil {
		buffer = r.large[:]
	}
	r.in = buffer[:kept+n]
	switch {
	case n > 0:
		return nil // an error comes again
	case err == io.EOF && kept > 0:
		return errCutRecord
	}
	return err
}

func (r *recordReader) receive(kept int) (int, error) {
	late, ok := r.conn.(lateReader)
	if !ok {
		return r.conn.Read(r.small[kept:])
	}
	return late.readLate(func() []byte {
		if r.large = getLarge(); r.large == nil {
			return r.small[kept:]
		}
		copy(r.large[:], r.small[:kept])
		return r.large[kept:]
	}, r.releaseLarge)
}

// holding tells whether a large buffer is in use.
func (r *recordReader) holding() bool { return r.large != nil }

func (r *recordReader) releaseLarge() {
	if r.large != nil {
		putLarge(r.large)
		r.large = nil
	}
}

// release gives the buffers back. Nothing may be read afterwards.
func (r *recordReader) release() {
	r.releaseLarge()
	recordBuffers.Put(r.small)
	r.small, r.in, r.data = nil, nil, nil
}
