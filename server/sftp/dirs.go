package sftp

import (
	"io"
	"io/fs"
	"iter"
	"time"
)

// A directory is one that a client has open to list it.
type directory struct {
	next func() (fs.FileInfo, error, bool)
	stop func()

	first    fs.FileInfo // read when it was opened, to know that it can be
	firstErr error
	pending  bool // first is to be listed
	ended    bool
}

// opendir serves SSH_FXP_OPENDIR (draft-ietf-secsh-filexfer-02 section 6.7).
func (s *subsystem) opendir(r *request) error {
	name, err := s.name(r)
	if err != nil {
		return err
	}
	if err := r.parsed(); err != nil {
		return err
	}
	if err := s.reserveHandle(kindFolder); err != nil {
		return err
	}
	d := &directory{}
	d.next, d.stop = iter.Pull2(s.session.List(s.ctx, name))
	d.first, d.firstErr, d.pending = d.next()
	if d.pending && d.firstErr != nil {
		d.stop()
		s.conn.release(kindFolder)
		return d.firstErr
	}
	return s.add(r, &handle{path: name, dir: d})
}

const (
	maxNames      = 256      // in one reply
	maxNamesBytes = 60 << 10 // and about that long
)

// readdir serves SSH_FXP_READDIR.
func (s *subsystem) readdir(r *request) error {
	h, _, err := s.handle(r)
	if err != nil {
		return err
	}
	if h.dir == nil {
		return errNotDir
	}
	names, _ := s.session.(Names)
	now := time.Now()
	out := r.begin(fxpName)
	count, at := 0, len(out.b)
	out.uint32(0)
	for count < maxNames && len(out.b) < maxNamesBytes {
		info, err := h.dir.read()
		if err != nil && count == 0 {
			r.reply.b = nil
			return err
		}
		if err != nil {
			h.dir.keep(err)
			break
		}
		out.string(info.Name())
		long := len(out.b)
		out.uint32(0)
		out.b = appendLongName(out.b, info, names, now)
		patchUint32(out.b[long:], uint32(len(out.b)-long-4))
		encodeAttributes(out, info)
		count++
	}
	patchUint32(out.b[at:], uint32(count))
	return nil
}

// read returns the next entry, or io.EOF.
func (d *directory) read() (fs.FileInfo, error) {
	if d.pending {
		d.pending = false
		return d.first, d.firstErr
	}
	if d.ended {
		return nil, io.EOF
	}
	info, err, ok := d.next()
	if !ok {
		d.ended = true
		return nil, io.EOF
	}
	return info, err
}

// keep has err returned by the next read.
func (d *directory) keep(err error) { d.first, d.firstErr, d.pending = nil, err, true }

func (s *subsystem) mkdir(r *request) error {
	name, err := s.name(r)
	if err != nil {
		return err
	}
	a := decodeAttributes(&r.args)
	if err := r.parsed(); err != nil {
		return err
	}
	return s.session.Mkdir(s.ctx, name, a.mode(newDirMode))
}

func (s *subsystem) rmdir(r *request) error {
	name, err := s.name(r)
	if err != nil {
		return err
	}
	if err := r.parsed(); err != nil {
		return err
	}
	return s.session.RemoveDir(s.ctx, name)
}
