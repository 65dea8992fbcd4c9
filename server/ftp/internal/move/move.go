// Package move moves the data of a transfer between a file and a data connection. It is
// the one place of the engine that knows the kernel and the records of TLS:
//
//	what moves                  how                                             where
//	a file, plain               sendfile, in short turns                        Linux
//	a file, plain               what package net makes of it                    elsewhere, and through wrappers
//	what TLS sends              several records with one system call            everywhere
//	what TLS 1.3 receives       several records with one system call, opened    everywhere, but not in FIPS mode
//	                            into the block that is written to the file
//	anything else               a copy                                          everywhere
//
// Each of these is a Mover, or a way in which a Conn reads and writes for one. A Mover
// that the kernel refuses at the first byte is replaced by a copy.
package move

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// A Mover moves the data of one transfer.
type Mover interface {
	// Move moves up to n bytes, and returns how many it has moved. Its error is io.EOF
	// at the end of the data, os.ErrDeadlineExceeded if it had to wait at the time by,
	// after which it can go on, a *ConnError if the connection has failed, and
	// otherwise the file's.
	Move(n int, by time.Time) (moved int, err error)
	// Close releases what the Mover holds. It closes neither file nor connection.
	Close()
}

// A ConnError is a failure of the data connection, as opposed to one of the file.
type ConnError struct{ err error }

func (e *ConnError) Error() string { return "data connection: " + e.err.Error() }
func (e *ConnError) Unwrap() error { return e.err }

// ofConn makes an error one of the connection, unless a deadline has passed or it is the
// end of the data.
func ofConn(err error) error {
	if err == nil || err == io.EOF || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return &ConnError{err}
}

// Download returns a Mover that sends a file, from where it stands. Ctx ends what waits
// for its turn.
func Download(ctx context.Context, to *Conn, from io.Reader, turns *Turns) Mover {
	toCopy := func() Mover { return &sender{to: to, from: from, block: to.buffers.block()} }
	file := osFile(from)
	if file == nil || to.tls != nil {
		return toCopy()
	}
	if conn, ok := to.raw.(*net.TCPConn); ok {
		if m := newSendfile(ctx, conn, file, turns); m != nil {
			return &attempt{Mover: m, toCopy: toCopy}
		}
	}
	if conn, ok := to.raw.(io.ReaderFrom); ok {
		return &attempt{Mover: &readFrom{to: conn, conn: to.raw, from: file}, toCopy: toCopy}
	}
	return toCopy()
}

// Upload returns a Mover that receives a file.
func Upload(to io.Writer, from *Conn) Mover {
	return &receiver{to: to, from: from, block: from.buffers.block()}
}

// osFile returns the file of the operating system behind f, or nil.
func osFile(f any) *os.File {
	switch f := f.(type) {
	case *os.File:
		return f
	case interface{ OSFile() *os.File }:
		return f.OSFile()
	}
	return nil
}

// An attempt is a Mover that may turn out to be none for such a file.
type attempt struct {
	Mover
	toCopy func() Mover // nil once something has moved
}

func (a *attempt) Move(n int, by time.Time) (int, error) {
	moved, err := a.Mover.Move(n, by)
	if a.toCopy != nil && moved == 0 && isRefusal(err) {
		a.Close()
		a.Mover, a.toCopy = a.toCopy(), nil
		return a.Mover.Move(n, by)
	}
	if moved > 0 {
		a.toCopy = nil
	}
	return moved, err
}

// isRefusal reports whether an error says that the kernel does not do it with such a
// file.
func isRefusal(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EOPNOTSUPP)
}

// A sender copies to a connection.
type sender struct {
	to    *Conn
	from  io.Reader
	block []byte
	left  []byte // of block, of what was read and is not sent
	err   error  // of the last read
}

func (s *sender) Move(n int, by time.Time) (int, error) {
	if len(s.left) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		var got int
		got, s.err = s.from.Read(s.block[:min(n, len(s.block))])
		if s.left = s.block[:got]; got == 0 {
			return 0, s.err
		}
	}
	sent, err := s.to.Send(s.left[:min(n, len(s.left))], by)
	s.left = s.left[sent:]
	return sent, err
}

func (s *sender) Close() { s.to.buffers.PutBlock(s.block) }

// A receiver copies from a connection.
type receiver struct {
	to    io.Writer
	from  *Conn
	block []byte
}

func (r *receiver) Move(n int, by time.Time) (int, error) {
	n, err := r.from.Receive(r.block[:min(n, len(r.block))], by)
	if n > 0 {
		if _, werr := r.to.Write(r.block[:n]); werr != nil {
			return n, werr
		}
	}
	return n, err
}

func (r *receiver) Close() { r.from.buffers.PutBlock(r.block) }

// A readFrom has a connection read the file itself.
type readFrom struct {
	to   io.ReaderFrom
	conn net.Conn
	from *os.File
}

func (r *readFrom) Move(n int, by time.Time) (int, error) {
	at, err := r.from.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	if err := r.conn.SetWriteDeadline(by); err != nil {
		return 0, &ConnError{err}
	}
	moved, err := r.to.ReadFrom(io.LimitReader(r.from, int64(n)))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		// A part of the file was read, and not sent.
		if _, serr := r.from.Seek(at+moved, io.SeekStart); serr != nil {
			return int(moved), serr
		}
	case err != nil:
		err = eitherError(r.conn, err)
	case moved < int64(n):
		err = io.EOF
	}
	return int(moved), err
}

func (r *readFrom) Close() {}

// eitherError tells the errors of the connection from those of the file, which come out of
// the same system call. A file on a network has many that a socket has too, so the
// socket is asked: after an error of its own it is closed.
func eitherError(conn net.Conn, err error) error {
	var number syscall.Errno
	ofFile := errors.As(err, &number) && number != syscall.EPIPE && number != syscall.ECONNRESET
	if ofFile && !isClosed(conn) {
		return err
	}
	return ofConn(err)
}

// Into is a Mover that receives into p.
func (c *Conn) Into(p []byte) Mover { return &bytesMover{c.Receive, p} }

// From is a Mover that sends p.
func (c *Conn) From(p []byte) Mover { return &bytesMover{c.Send, p} }

// A bytesMover moves bytes in memory. There is no end to them: who has it moves no more
// than there are.
type bytesMover struct {
	move func(p []byte, by time.Time) (int, error)
	p    []byte
}

func (m *bytesMover) Move(n int, by time.Time) (int, error) {
	moved, err := m.move(m.p[:min(n, len(m.p))], by)
	m.p = m.p[moved:]
	return moved, err
}

func (m *bytesMover) Close() {}
