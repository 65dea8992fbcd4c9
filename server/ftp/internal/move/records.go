package move

import (
	"io"
	"net"
	"os"
	"syscall"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move/tlsrecord"
)

// records reads what a client sends over TLS 1.3, many records with one system call. While
// it waits it holds a buffer for one.
type records struct {
	conn    net.Conn
	rc      syscall.RawConn // of conn, or nil: then it is read as any connection
	opener  *tlsrecord.Opener
	buffers *Buffers
	ended   error

	small []byte
	large []byte // if it is in use
	in    []byte // what has come and is not opened, in large or small
	data  []byte // what is opened and not read, in front of that
}

func newRecords(conn net.Conn, opener *tlsrecord.Opener, buffers *Buffers) *records {
	r := &records{conn: conn, opener: opener, buffers: buffers, small: get(tlsrecord.MaxSize)}
	if tcp, ok := conn.(*net.TCPConn); ok {
		r.rc, _ = tcp.SyscallConn()
	}
	return r
}

// Read reads all that has come. Its error is io.EOF at the end of what is sent, with
// close_notify or without, and io.ErrUnexpectedEOF if the connection ended within a
// record, as it is with crypto/tls.
func (r *records) Read(p []byte) (n int, err error) {
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
func (r *records) open(p, record []byte) (int, error) {
	if len(p) >= tlsrecord.Room(record) {
		data, err := r.opener.Open(p[:0], record)
		return len(data), err
	}
	data, err := r.opener.Open(tlsrecord.Payload(record)[:0], record)
	r.data = data
	return 0, err
}

// fill reads what follows the part of a record that r.in has.
func (r *records) fill() error {
	kept := copy(r.small, r.in)
	r.releaseLarge()
	n, err := r.receive(kept)
	if r.in = r.small[:kept]; r.large != nil {
		r.in = r.large[:kept]
	}
	r.in = r.in[:kept+n]
	switch {
	case n > 0:
		return nil // an error comes again
	case err == io.EOF && kept > 0:
		return io.ErrUnexpectedEOF
	}
	return err
}

// receive reads behind kept bytes. It takes a large buffer when there is something to
// read, and not while it waits.
func (r *records) receive(kept int) (n int, err error) {
	if r.rc == nil {
		return r.conn.Read(r.small[kept:])
	}
	rerr := r.rc.Read(func(fd uintptr) (done bool) {
		for {
			n, err = syscall.Read(int(fd), r.take(kept))
			if err != syscall.EINTR {
				break
			}
		}
		if n <= 0 {
			r.releaseLarge()
		}
		return err != syscall.EAGAIN
	})
	n = max(n, 0)
	switch {
	case rerr != nil:
		return 0, rerr
	case err == nil && n == 0:
		return 0, io.EOF
	}
	return n, os.NewSyscallError("read", err)
}

// take returns where to read to, behind kept bytes.
func (r *records) take(kept int) []byte {
	if r.large == nil {
		if r.large = r.buffers.in(); r.large == nil {
			return r.small[kept:]
		}
		copy(r.large, r.small[:kept])
	}
	return r.large[kept:]
}

func (r *records) releaseLarge() {
	if r.large != nil {
		r.buffers.records.put(r.large)
		r.large = nil
	}
}

// release gives the buffers back. Nothing may be read afterwards.
func (r *records) release() {
	if r.small != nil {
		r.releaseLarge()
		put(r.small)
		r.small, r.in, r.data = nil, nil, nil
	}
}
