package sftp

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"time"
)

// read serves SSH_FXP_READ (draft-ietf-secsh-filexfer-02 section 6.4). The
// file is read on a goroutine of its own, while further requests are taken.
// Its error ends the session.
func (s *subsystem) read(r *request) error {
	h, err := s.fileHandle(r)
	offset, length := r.args.uint64(), r.args.uint32()
	switch {
	case err != nil:
	case r.args.failed:
		err = errBadMessage
	case !h.reads:
		err = errNotRead
	case offset > math.MaxInt64:
		err = io.EOF
	}
	if err != nil {
		return s.out.send(statusPacket(r.id, reply(err, s.log)))
	}
	first := h.transfer.begin(s.conn, TransferRecord{Verb: "GET", Via: "sftp", Path: h.path, Direction: Download, Offset: int64(offset)})
	length = min(length, maxData)
	id := r.id
	if (first || h.short) && !s.prefetches && s.in.Buffered() == 0 && s.out.left.Load() == 0 {
		return s.readNow(h, id, int64(offset), length)
	}
	p, err := s.out.reserve(int(length))
	if err != nil {
		return err
	}
	s.reads.Go(func() {
		defer close(p.ready)
		defer func() {
			if v := recover(); v != nil {
				p.packet = statusPacket(id, errUnknown)
				s.conn.failed("reading a file", v)
			}
		}()
		s.readFile(p, h, id, int64(offset), length)
		if first && p.data == int(length) && s.prefetches {
			time.Sleep(prefetchLead)
		}
	})
	return nil
}

// readNow serves SSH_FXP_READ at once. Of a small file there are two, and the client waits
// for the reply to each: to wake two goroutines for it takes longer than to read.
func (s *subsystem) readNow(h *handle, id uint32, offset int64, length uint32) error {
	p := &pending{room: bufferSize(dataHead + int(length))}
	if err := s.conn.buffer(s.ctx, p.room); err != nil {
		return err
	}
	defer s.out.release(p)
	s.readFile(p, h, id, offset, length)
	h.short = p.data < int(length)
	// An error means that the session ends, which writing tells too.
	_ = s.conn.moved(s.ctx, Download, p.data)
	s.out.write(p.packet)
	return nil
}

// prefetchLead is how long paramiko has to send requests before the first READ
// of a file is answered. Its get asks for the whole file ahead, in one thread,
// and takes the replies in another. Once these have caught up with the
// requests, it takes the file for read and asks for each block as it comes to
// it: from then on it is twenty times as slow, and with more than some 2 GiB
// left, the requests of both threads fill the channel's window and get mixed
// (https://github.com/paramiko/paramiko/issues/2418). They catch up within the
// first blocks or never. Twice the time that Python lets a thread run for
// suffices on a busy machine too.
const prefetchLead = 10 * time.Millisecond

// prefetches tells whether a client, by what it calls itself, needs the lead.
func prefetches(client string) bool { return strings.HasPrefix(client, "paramiko_") }

// dataHead is how long an SSH_FXP_DATA reply is before its data.
const dataHead = 4 + 1 + 4 + 4

// readFile reads from a file into the reply p.
func (s *subsystem) readFile(p *pending, h *handle, id uint32, offset int64, length uint32) {
	p.buffer = getBuffer(dataHead + int(length))
	b := *p.buffer
	n, err := h.file.ReadAt(b[dataHead:dataHead+length], offset)
	if n == 0 {
		if err == nil {
			err = io.EOF
		}
		if !errors.Is(err, io.EOF) {
			h.transfer.add(0, err)
		}
		p.packet = statusPacket(id, reply(err, s.log))
		return
	}
	h.transfer.add(n, nil)
	binary.BigEndian.PutUint32(b, uint32(dataHead-4+n))
	b[4] = fxpData
	binary.BigEndian.PutUint32(b[5:], id)
	binary.BigEndian.PutUint32(b[9:], uint32(n))
	p.packet, p.data = b[:dataHead+n], n
}

// write serves SSH_FXP_WRITE. Data may come in any order.
func (s *subsystem) write(r *request) error {
	h, err := s.fileHandle(r)
	if err != nil {
		return err
	}
	offset, data := r.args.uint64(), r.args.bytes()
	switch {
	case r.args.failed:
		return errBadMessage
	case !h.writes:
		return errNotWrite
	case offset > math.MaxInt64-uint64(len(data)):
		return &Error{StatusFailure, "File too large"}
	}
	r.whole = offset == 0 && len(data) < sendChunk
	n, err := h.write(data, int64(offset))
	h.transfer.add(n, err)
	if err != nil {
		return err
	}
	return s.conn.moved(s.ctx, Upload, n)
}

// write writes where the client wants it, or to the end of a file that was opened
// to append to: what others have appended meanwhile must not be lost.
func (h *handle) write(b []byte, offset int64) (int, error) {
	if h.append {
		if f, ok := h.file.(io.Writer); ok {
			return f.Write(b)
		}
	}
	return h.file.WriteAt(b, offset)
}
