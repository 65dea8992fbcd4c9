package ftp

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// A stream moves the data of one transfer over its data connection: it counts,
// limits the rate, and ends what stalls.
type stream struct {
	conn     *Conn
	job      *job
	data     *dataConn
	limits   *Limits
	limiters []RateLimiter
	ascii    bool
	deflate  bool
	level    int
	allowed  func() error // see watch
}

const (
	// chunkSize is how much sendfile and splice move before progress is
	// looked at; tick is how long they may take for it.
	chunkSize = 4 << 20
	tick      = 500 * time.Millisecond
)

// download sends a file.
func (s *stream) download(f File) error {
	if conn, ok := s.data.raw.(*net.TCPConn); ok {
		// Full segments only, until the end: that saves a fifth of the
		// processor time.
		_ = conn.SetNoDelay(false)
	}
	s.watch(f)
	plain := !s.ascii && !s.deflate
	if from := osFile(f); plain && s.data.tls == nil && from != nil {
		if to, ok := s.data.Conn.(io.ReaderFrom); ok {
			sender := fileSender(s.job.ctx, to, s.conn.server.sendTurns())
			err := s.zeroCopy(func(size int64) (int64, error) {
				n, err := sender.ReadFrom(io.LimitReader(from, size))
				return n, s.zeroCopyError(err)
			}, from)
			if !cannotZeroCopy(err) || s.job.bytes.Load() > 0 {
				return err
			}
		}
	}
	w, done := s.writer()
	if err := copyBlocks(w, f); err != nil {
		return err
	}
	return done()
}

// upload receives a file.
func (s *stream) upload(f File) error {
	if err := s.quieten(); err != nil {
		return err
	}
	s.watch(f)
	plain := !s.ascii && !s.deflate
	if to := osFile(f); plain && s.data.tls == nil && to != nil {
		if sp := splice(s.data.raw, to); sp != nil {
			defer sp.close()
			return s.zeroCopy(sp.move, nil)
		}
		if from, ok := s.data.raw.(*net.TCPConn); ok {
			return s.zeroCopy(func(size int64) (int64, error) {
				n, err := to.ReadFrom(io.LimitReader(from, size))
				return n, s.zeroCopyError(err)
			}, nil)
		}
	}
	return copyBlocks(f, s.reader())
}

// watch has a file asked whether its bytes may still be moved, where the kernel moves
// them; a call of the file itself asks.
func (s *stream) watch(f File) {
	if f, ok := f.(interface{ Allowed() error }); ok {
		s.allowed = f.Allowed
	}
}

// append appends what the client sends to a file, as much as a block holds in one
// piece: others may append at the same time.
func (s *stream) append(f File) error {
	if err := s.quieten(); err != nil {
		return err
	}
	r := s.reader()
	block := getFullBlock()
	defer putBlock(block)
	for {
		n, err := io.ReadFull(r, block)
		ended := err == io.EOF || err == io.ErrUnexpectedEOF
		switch {
		case err != nil && !ended:
			return err
		case ended:
			if err := s.confirm(); err != nil {
				return err
			}
		}
		if n > 0 {
			if _, err := f.Write(block[:n]); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}

// quieten has the runtime woken for the data connection only when it is waited for.
func (s *stream) quieten() error {
	conn := quiet(s.data.raw)
	if s.data.raw = conn; s.data.bulk != nil {
		s.data.bulk.Conn = conn
	} else {
		s.data.Conn = conn
	}
	return s.job.attach(conn)
}

// osFile returns the file of the operating system behind f, or nil.
func osFile(f File) *os.File {
	switch f := f.(type) {
	case *os.File:
		return f
	case interface{ OSFile() *os.File }:
		return f.OSFile()
	}
	return nil
}

// zeroCopy moves everything with move, which the kernel does without the data
// being seen here. It goes in chunks, and a deadline that passes in the middle of
// one is only a reason to look at what has moved. Other errors of the connection are
// dataErrors. A file that is sent is told.
func (s *stream) zeroCopy(move func(size int64) (int64, error), from *os.File) error {
	moved := s.moved()
	stretch := stretch{moved}
	var at int64 // in the file, of what has been sent
	if from != nil {
		var err error
		if at, err = from.Seek(0, io.SeekCurrent); err != nil {
			return err
		}
	}
	for {
		if s.allowed != nil {
			if err := s.allowed(); err != nil {
				return err
			}
		}
		want := int64(s.allowance(chunkSize))
		s.data.raw.SetDeadline(time.Now().Add(tick))
		n, err := move(want)
		stretch.yield()
		s.job.bytes.Add(n)
		at += n
		if from != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			// Where the deadline had passed before the system call, a block was
			// read from the file that could not be sent.
			if _, err := from.Seek(at, io.SeekStart); err != nil {
				return err
			}
		}
		if n > 0 {
			if err := s.wait(int(n)); err != nil {
				return err
			}
			moved = s.moved()
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if s.job.ctx.Err() != nil || s.stalled(moved) {
				return &dataError{err}
			}
		case err != nil:
			return err
		case n < want:
			return nil
		}
	}
}

// moved notes that it is up to the client and the disk now.
func (s *stream) moved() time.Time {
	now := time.Now()
	s.job.moving.Store(now.UnixNano())
	return now
}

func (s *stream) stalled(since time.Time) bool {
	return s.limits.StallTimeout > 0 && time.Since(since) > s.limits.StallTimeout
}

// zeroCopyError tells the errors of the connection from those of the file, which come
// out of the same system call. A file on a network has many that a socket has too, so
// the socket is asked: after an error of its own it is closed.
func (s *stream) zeroCopyError(err error) error {
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if !isClosed(s.data.raw) {
		return zeroCopyError(err)
	}
	return &dataError{err}
}

// zeroCopyError does so as far as that can be seen from the error itself.
func zeroCopyError(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) && number != syscall.EPIPE && number != syscall.ECONNRESET {
		return err
	}
	return atConn(err)
}

// cannotZeroCopy reports whether an error says that the kernel does not do it with such
// a file.
func cannotZeroCopy(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EOPNOTSUPP)
}

// atConn makes an error one of the connection, unless a deadline has passed.
func atConn(err error) error {
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return &dataError{err}
}

// A holder is a reader that may hold a buffer of which there are few. While it does
// it keeps the processor, until nothing more has come or Go's scheduler takes it away:
// if it let the others have a turn, each of them would soon hold one too, or find
// none left.
type holder interface{ holding() bool }

// copyBlocks copies with a buffer from the pool. src and dst have to tell
// their own errors apart.
func copyBlocks(dst io.Writer, src io.Reader) error {
	block := getBlock()
	defer putBlock(block)
	holder, _ := src.(holder)
	stretch := stretch{time.Now()}
	for {
		if holder == nil || !holder.holding() {
			stretch.yield()
		}
		n, err := src.Read(block)
		if n > 0 {
			if _, werr := dst.Write(block[:n]); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// writer returns where to write what the client is to get, and a function that
// completes it.
func (s *stream) writer() (io.Writer, func() error) {
	s.moved()
	var w io.Writer = wire{s}
	done := func() error { return nil }
	if s.deflate {
		z := newDeflater(w, s.level)
		w, done = z, z.Close
	}
	if s.ascii {
		w = &asciiWriter{w: w}
	}
	return w, done
}

// reader returns where to read what the client sends.
func (s *stream) reader() io.Reader {
	s.moved()
	s.data.openRecords()
	var r io.Reader = wire{s}
	if s.deflate {
		r = &inflater{r: r}
	}
	if s.ascii {
		r = &asciiReader{r: r}
	}
	return r
}

// wire is the data connection as a reader and writer, whose errors are
// dataErrors.
type wire struct{ *stream }

func (w wire) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		part := p[written:]
		part = part[:w.allowance(len(part))]
		w.data.raw.SetWriteDeadline(w.stallDeadline())
		n, err := w.data.send(part)
		written += n
		w.job.bytes.Add(int64(n))
		if err != nil {
			return written, &dataError{err}
		}
		if err := w.wait(n); err != nil {
			return written, err
		}
	}
	return written, nil
}

func (w wire) holding() bool { return w.data.records != nil && w.data.records.holding() }

func (w wire) Read(p []byte) (int, error) {
	w.data.raw.SetReadDeadline(w.stallDeadline())
	p = p[:w.allowance(len(p))]
	n, err := w.data.Read(p)
	w.job.bytes.Add(int64(n))
	if n > 0 {
		if werr := w.wait(n); werr != nil {
			return n, werr
		}
	}
	switch {
	case err == nil || err == io.EOF:
		return n, err
	}
	// io.ErrUnexpectedEOF among them: the connection ended within a TLS record.
	// Without close_notify between two records, as many clients end, it is
	// io.EOF.
	return n, &dataError{err}
}

// send writes p, with TLS in few system calls.
func (d *dataConn) send(p []byte) (int, error) {
	if d.bulk == nil {
		return d.Write(p)
	}
	d.bulk.holding = true
	n, err := d.Write(p)
	d.bulk.holding = false
	if ferr := d.bulk.flush(); err == nil {
		err = ferr
	}
	return n, err
}

func (s *stream) stallDeadline() time.Time {
	now := s.moved()
	if s.limits.StallTimeout <= 0 {
		return time.Time{}
	}
	return now.Add(s.limits.StallTimeout)
}

// close closes the connection after a transfer, properly if that succeeded.
func (s *stream) close(err error) {
	s.job.moving.Store(0)
	if err != nil || s.data.tls == nil {
		s.data.raw.Close()
	} else {
		s.data.closeWrite(tick)
	}
	if s.data.bulk != nil {
		s.data.bulk.release()
	}
	if s.data.records != nil {
		s.data.records.release()
	}
}
