package ftp

import (
	"errors"
	"net"
	"os"
	"syscall"
)

const (
	// pipeSize is how much goes through a pipe at once, if the system allows that much.
	pipeSize = 1 << 20
	// batchSize is how much has to come until it is worth waking up for, while it
	// comes fast.
	batchSize = 384 << 10
)

// A splicer moves what comes on a connection into a file, through a pipe and without
// the data being seen here.
type splicer struct {
	conn *quietConn
	to   *os.File
	r, w int  // the pipe
	fast bool // batches are waited for
}

// splice returns nil if there cannot be one.
func splice(conn net.Conn, to *os.File) *splicer {
	q, ok := conn.(*quietConn)
	if !ok {
		return nil
	}
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		return nil
	}
	const setSize = 1031 // F_SETPIPE_SZ of linux/fcntl.h
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(pipe[1]), setSize, pipeSize)
	s := &splicer{conn: q, to: to, r: pipe[0], w: pipe[1]}
	s.expect(true)
	return s
}

func (s *splicer) close() {
	syscall.Close(s.r)
	syscall.Close(s.w)
}

// move moves size bytes, or less if there are no more.
func (s *splicer) move(size int64) (moved int64, err error) {
	moved, err = s.moveOn(size)
	if fast := err == nil; fast != s.fast {
		s.expect(fast)
	}
	return moved, err
}

func (s *splicer) expect(fast bool) {
	least := 1
	if fast {
		least = batchSize
	}
	s.fast = fast
	s.conn.lowWater(least)
}

func (s *splicer) moveOn(size int64) (moved int64, err error) {
	for moved < size {
		const noWait = 2 // SPLICE_F_NONBLOCK of linux/splice.h
		n, err := s.conn.receive("splice", func(fd int) (int, error) {
			n, err := syscall.Splice(fd, nil, s.w, nil, int(min(size-moved, pipeSize)), noWait)
			return int(n), err
		})
		if err != nil {
			return moved, atConn(err)
		}
		if n == 0 {
			break
		}
		written, err := s.store(n)
		moved += int64(written)
		if err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// store empties the pipe.
func (s *splicer) store(size int) (stored int, err error) {
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

func (s *splicer) copy(size int) (copied int, err error) {
	block := getBlock()
	defer putBlock(block)
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
