// Package move moves the data of a transfer between a file and a data connection. It is
// the one place of the engine that knows the kernel and the records of TLS:
//
//	what moves                  how                                             where
//	a file, plain               sendfile, in short turns                        Linux
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
func Download(ctx context.Context, to *Conn, from io.Reader, turns Turns) Mover {
	toCopy := func() Mover { return &sender{to: to, from: from, block: to.buffers.block()} }
	conn, ok := to.raw.(*net.TCPConn)
	if !ok {
		return toCopy()
	}
	// Small packets wait for more until the end, which saves a fifth of the processor
	// time of a download.
	_ = conn.SetNoDelay(false)
	if to.tls == nil {
		if m := newSendfile(ctx, conn, osFile(from), turns); m != nil {
			return &attempt{Mover: m, toCopy: toCopy}
		}
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
