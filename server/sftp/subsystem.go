package sftp

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
)

const (
	// maxPacket is the longest packet of SFTP in either direction, without its
	// length, as in OpenSSH.
	maxPacket = 256 << 10
	// maxData is the most that one READ returns or one WRITE carries.
	maxData = maxPacket - 1024
	// smallPacket is the size up to which a request fits the buffer that a
	// session has at all times.
	smallPacket = 1024
)

// A subsystem serves SFTP on one channel.
type subsystem struct {
	ch      *channel
	conn    *Conn
	ctx     context.Context
	session Session
	log     *slog.Logger

	prefetches bool // see prefetchLead

	in    *bufio.Reader
	small [smallPacket]byte

	handles map[uint32]*handle
	next    uint32 // handle
	refused int    // handles, since the last that was closed

	reads sync.WaitGroup // reads of files that have not finished
	out   replies
}

// A handler serves one kind of request. It takes its arguments from r and
// appends the reply to r.reply; if it appends nothing and returns nil, the
// reply is StatusOK.
type handler func(s *subsystem, r *request) error

// A request is one packet from the client.
type request struct {
	kind  byte
	id    uint32
	args  decoder
	reply encoder
	whole bool // it writes all of a small file, most likely
}

// name takes the name of a file from the arguments.
func (s *subsystem) name(r *request) (string, error) {
	name := r.args.string()
	if err := r.parsed(); err != nil {
		return "", err
	}
	return absolute(name)
}

// serveSFTP is the program of the subsystem.
func (ch *channel) serveSFTP() int {
	s := &subsystem{
		ch: ch, conn: ch.conn, ctx: ch.ctx, session: ch.session, log: ch.conn.log.With("user", ch.conn.User()),
		in: bufio.NewReader(&ch.input), handles: map[uint32]*handle{}, prefetches: prefetches(ch.conn.ClientVersion()),
	}
	s.out.start(ch)
	err := s.contain("serving requests", s.serve)
	if err != nil {
		ch.cancel()
	}
	s.reads.Wait()
	s.closeHandles()
	s.out.stop()
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFault):
		return 255
	case errors.Is(err, errTooManyHandles):
		ch.conn.end(endHandles)
	case errors.Is(err, errOver):
		ch.conn.end(endDrain)
	case ch.ctx.Err() == nil:
		s.log.Debug("a session of SFTP failed", "error", err)
	}
	return 1
}

// contain runs f. If f panics, that is logged, and is the error errFault: all that the
// client has open is closed as after any other error.
func (s *subsystem) contain(doing string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			s.log.Error(doing+" failed", "panic", v, "stack", string(debug.Stack()))
			err = errFault
		}
	}()
	return f()
}

var (
	errOver           = errors.New("sftp: a request came after the end of the session")
	errPacketLength   = errors.New("sftp: packet has an impossible length")
	errFirstPacket    = errors.New("sftp: the first packet is not SSH_FXP_INIT")
	errFault          = errors.New("sftp: the server has failed")
	errTooManyHandles = errors.New("sftp: the client goes on opening files beyond the limit")
)

// serve reads and serves requests until the client closes the channel, for
// which it returns nil.
func (s *subsystem) serve() error {
	if err := s.init(); err != nil {
		return err
	}
	for {
		b, release, err := s.readPacket()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err = s.ctx.Err(); err == nil {
			err = s.serveRequest(b)
		}
		release()
		s.out.sendHeld()
		if err != nil {
			return err
		}
	}
}

func (s *subsystem) init() error {
	b, release, err := s.readPacket()
	if err != nil {
		return err
	}
	defer release()
	if b[0] != fxpInit {
		return errFirstPacket
	}
	return s.out.send(versionPacket())
}

// readPacket reads a packet. Its bytes are valid until release is called.
func (s *subsystem) readPacket() (b []byte, release func(), err error) {
	var head [4]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return nil, nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 5 || n > maxPacket {
		return nil, nil, errPacketLength
	}
	s.ch.input.within.Store(true)
	defer s.ch.input.within.Store(false)
	release = func() {}
	if n <= smallPacket {
		b = s.small[:n]
	} else {
		buf, err := s.conn.getBuffer(s.ctx, int(n))
		if err != nil {
			return nil, nil, err
		}
		b, release = (*buf)[:n], func() { s.conn.putBuffer(buf) }
	}
	if _, err := io.ReadFull(s.in, b); err != nil {
		release()
		return nil, nil, io.ErrUnexpectedEOF
	}
	return b, release, nil
}

// serveRequest serves one request. Its error ends the session.
func (s *subsystem) serveRequest(b []byte) error {
	if !s.conn.activity.begin(s.conn.server.hurry.Load()) {
		return errOver
	}
	defer s.conn.activity.done()
	s.conn.stats.commands.Add(1)
	s.conn.wire.inflow.served()

	r := request{kind: b[0], args: decoder{b: b[1:]}}
	r.id = r.args.uint32()
	if r.kind == fxpRead {
		return s.read(&r)
	}
	// Reads may still be under way. What follows must not overtake them: it
	// may write to the same file, or close it.
	s.reads.Wait()
	err := error(errUnsupportedRequest)
	if h := handlers[r.kind]; h != nil {
		err = h(s, &r)
	}
	if errors.Is(err, errTooManyHandles) {
		return err
	}
	packet := s.finish(&r, err)
	if (r.kind != fxpWrite || r.whole) && s.out.hold(packet) { // other uploads do not wait for replies
		return nil
	}
	return s.out.send(packet)
}

// finish returns the reply to a request, given what its handler returned.
func (s *subsystem) finish(r *request, err error) []byte {
	if err == nil && r.args.failed {
		err = errBadMessage
	}
	switch {
	case err != nil:
		return statusPacket(r.id, reply(err, s.log))
	case len(r.reply.b) == 0:
		return statusPacket(r.id, statusOK)
	}
	binary.BigEndian.PutUint32(r.reply.b, uint32(len(r.reply.b)-4))
	return r.reply.b
}

// begin begins a reply that is no status.
func (r *request) begin(kind byte) *encoder {
	r.reply.uint32(0) // the length
	r.reply.byte(kind)
	r.reply.uint32(r.id)
	return &r.reply
}

// parsed returns an error if an argument was missing or cut short. Handlers
// with an effect ask it before they have one.
func (r *request) parsed() error {
	if r.args.failed {
		return errBadMessage
	}
	return nil
}

var statusOK = &Error{StatusOK, "Success"}

// statusPacket is an SSH_FXP_STATUS reply.
func statusPacket(id uint32, e *Error) []byte {
	r := request{id: id}
	out := r.begin(fxpStatus)
	out.uint32(uint32(e.Status))
	out.string(e.Text)
	out.string("en")
	binary.BigEndian.PutUint32(out.b, uint32(len(out.b)-4))
	return out.b
}
