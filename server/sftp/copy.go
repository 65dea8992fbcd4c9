package sftp

import (
	"errors"
	"io"
	"math"
	"os"
)

// copyData serves copy-data (draft-ietf-secsh-filexfer-extensions-00 section
// 7): it copies from one open file to another. It copies no more than there is
// when it begins, so that a file that grows by it, or by others, is not copied
// for ever.
func (s *subsystem) copyData(r *request) error {
	from, err := s.fileHandle(r)
	if err != nil {
		return err
	}
	fromOffset, length := r.args.uint64(), r.args.uint64()
	to, err := s.fileHandle(r)
	if err != nil {
		return err
	}
	toOffset := r.args.uint64()
	switch {
	case r.args.failed:
		return errBadMessage
	case !from.reads:
		return errNotRead
	case !to.writes:
		return errNotWrite
	case fromOffset > math.MaxInt64 || toOffset > math.MaxInt64 || length > math.MaxInt64:
		return &Error{StatusFailure, "File too large"}
	}
	c := copying{from, to, int64(fromOffset), int64(toOffset), int64(length)}
	if err := c.bound(); err != nil {
		return err
	}
	err = c.run(s)
	s.conn.worked("copy-data", from.path, err)
	return err
}

// A copying is what a request for copy-data asks for.
type copying struct {
	from, to             *handle
	fromOffset, toOffset int64
	length               int64
}

// bound makes length what there is to be copied. A client that asks for zero
// bytes wants all.
func (c *copying) bound() error {
	info, err := c.from.file.Stat()
	if err != nil {
		return err
	}
	left := max(0, info.Size()-c.fromOffset)
	if c.length == 0 || c.length > left {
		c.length = left
	}
	target, err := c.to.file.Stat()
	if err != nil {
		return err
	}
	switch {
	case c.toOffset > math.MaxInt64-c.length:
		return &Error{StatusFailure, "File too large"}
	case os.SameFile(info, target) && !c.to.append && overlap(c.fromOffset, c.toOffset, c.length):
		return &Error{StatusFailure, "The ranges overlap"}
	}
	return nil
}

func overlap(a, b, length int64) bool { return max(a, b)-min(a, b) < length }

// atOnce is how much a store is asked to copy between two looks at whether the client is there.
const atOnce = 1 << 30

// within has the store copy, as far as it can.
func (c *copying) within(s *subsystem) error {
	to, ok := c.to.file.(interface {
		CopyFrom(from io.ReaderAt, at, n, place int64) (bool, error)
	})
	for ok && c.length > 0 {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		n := min(c.length, atOnce)
		copied, err := to.CopyFrom(c.from.file, c.fromOffset, n, c.toOffset)
		if !copied && err == nil {
			return nil
		}
		if err != nil {
			c.to.transfer.add(0, err)
			return err
		}
		c.to.transfer.add(int(n), nil)
		if err := s.conn.moved(s.ctx, Upload, int(n)); err != nil {
			return err
		}
		c.advance(n)
	}
	return nil
}

func (c *copying) advance(n int64) {
	c.fromOffset, c.toOffset, c.length = c.fromOffset+n, c.toOffset+n, c.length-n
}

// run copies. What is written counts as uploaded, also for the limit of rates.
// A client that leaves ends it.
func (c *copying) run(s *subsystem) error {
	if err := c.within(s); err != nil || c.length == 0 {
		return err
	}
	buf, err := s.conn.getBuffer(s.ctx, maxData)
	if err != nil {
		return err
	}
	defer s.conn.putBuffer(buf)
	for c.length > 0 {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		n, readErr := c.from.file.ReadAt((*buf)[:min(c.length, maxData)], c.fromOffset)
		if n > 0 {
			w, err := c.to.write((*buf)[:n], c.toOffset)
			c.to.transfer.add(w, err)
			if err != nil {
				return err
			}
			if err := s.conn.moved(s.ctx, Upload, w); err != nil {
				return err
			}
		}
		c.advance(int64(n))
		switch {
		case errors.Is(readErr, io.EOF):
			return nil
		case readErr != nil:
			return readErr
		}
	}
	return nil
}
