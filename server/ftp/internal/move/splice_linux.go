package move

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	// pipeSize is how much goes through a pipe at once, if the system allows that much.
	pipeSize = 1 << 20
	// batchSize is how much has to come until it is worth waking up for, while it
	// comes fast. The end of the data always is.
	batchSize = 384 << 10
)

// A splice moves what comes on a connection into a file, through a pipe and without the
// data being seen here.
type splice struct {
	conn    *net.TCPConn
	from    syscall.RawConn
	to      *os.File
	buffers *Buffers
	r, w    int  // the pipe
	fast    bool // batches are waited for
}

// newSplice returns nil if there cannot be one.
func newSplice(conn *net.TCPConn, to *os.File, buffers *Buffers) Mover {
	from, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		return nil
	}
	const setSize = 1031 // F_SETPIPE_SZ of linux/fcntl.h
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(pipe[1]), setSize, pipeSize)
	s := &splice{conn: conn, from: from, to: to, buffers: buffers, r: pipe[0], w: pipe[1]}
	s.expect(true)
	return s
}

func (s *splice) Close() {
	syscall.Close(s.r)
	syscall.Close(s.w)
}

func (s *splice) Move(n int, by time.Time) (moved int, err error) {
	if err := s.conn.SetReadDeadline(by); err != nil {
		return 0, &ConnError{err}
	}
	for moved < n && err == nil {
		var got, stored int
		if got, err = s.receive(min(n-moved, pipeSize)); got == 0 && err == nil {
			err = io.EOF
		} else if got > 0 {
			stored, err = s.store(got)
			moved += stored
		}
	}
	if fast := err == nil; fast != s.fast {
		s.expect(fast)
	}
	return moved, err
}

func (s *splice) expect(fast bool) {
	least := 1
	if fast {
		least = batchSize
	}
	s.fast = fast
	_ = s.from.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, least) })
}

// receive fills the pipe with what has come.
func (s *splice) receive(most int) (int, error) {
	const noWait = 2 // SPLICE_F_NONBLOCK of linux/splice.h
	var n int64
	var err error
	rerr := s.from.Read(func(fd uintptr) (done bool) {
		for {
			n, err = syscall.Splice(int(fd), nil, s.w, nil, most, noWait)
			if err != syscall.EINTR {
				return err != syscall.EAGAIN
			}
		}
	})
	if rerr != nil {
		return 0, ofConn(rerr)
	}
	return int(max(n, 0)), ofConn(os.NewSyscallError("splice", err))
}

// store empties the pipe.
func (s *splice) store(size int) (stored int, err error) {
	file, err := s.to.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := file.Control(func(fd uintptr) {
		for stored < size {
			var n int64
			n, err = syscall.Splice(s.r, nil, int(fd), nil, size-stored, 0)
			switch {
			case err == syscall.EINTR:
			case err != nil:
				return
			default:
				stored += int(n)
			}
		}
	})
	if err == syscall.EINVAL && stored == 0 {
		return s.copy(size) // not every file system does it
	}
	return stored, errors.Join(cerr, os.NewSyscallError("splice", err))
}

func (s *splice) copy(size int) (copied int, err error) {
	block := s.buffers.block()
	defer s.buffers.PutBlock(block)
	for copied < size {
		n, err := syscall.Read(s.r, block[:min(size-copied, len(block))])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return copied, os.NewSyscallError("read", err)
		}
		if _, err := s.to.Write(block[:n]); err != nil {
			return copied, err
		}
		copied += n
	}
	return copied, nil
}
