package sftp

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A handle is a file or directory that a client has open.
type handle struct {
	path   string
	file   File       // nil for a directory
	dir    *directory // nil for a file
	reads  bool       // open for reading
	writes bool       // open for writing
	append bool       // writes go to the end
	short  bool       // the last read had all that there is

	transfer transfer
}

// A transfer is what is told of a file that is read or written.
type transfer struct {
	mu      sync.Mutex // reads run side by side
	started bool
	record  TransferRecord
}

// begin tells that a transfer starts, and returns true, if it has not yet.
func (t *transfer) begin(c *Conn, r TransferRecord) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.started {
		return false
	}
	t.started = true
	r.Start = time.Now()
	t.record = r
	c.activity.files.Add(1)
	if c.server.opts.Hooks.TransferStart != nil {
		c.server.opts.Hooks.TransferStart(c, r)
	}
	return true
}

// add counts n bytes, and remembers the first error.
func (t *transfer) add(n int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.record.Bytes += int64(n)
	if t.record.Err == nil {
		t.record.Err = err
	}
}

// end tells that the transfer has ended, if it had started.
func (t *transfer) end(c *Conn, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.started {
		return
	}
	t.started = false
	if t.record.Err == nil {
		t.record.Err = err
	}
	t.record.Duration = time.Since(t.record.Start)
	c.activity.files.Add(-1)
	if c.server.opts.Hooks.TransferEnd != nil {
		c.server.opts.Hooks.TransferEnd(c, t.record)
	}
}

// ErrAborted is the error of a transfer whose client has gone before it has closed the file.
var ErrAborted = errors.New("sftp: the client went away before it closed the file")

// reserveHandle makes sure that a client may have one more handle.
func (s *subsystem) reserveHandle(k kind) error {
	err := s.conn.reserve(k)
	if err != nil {
		if s.refused++; s.refused > 1000 {
			return errTooManyHandles
		}
	}
	return err
}

// add gives a handle a number, and replies with it.
func (s *subsystem) add(r *request, h *handle) error {
	s.next++
	s.handles[s.next] = h
	var id [4]byte
	binary.BigEndian.PutUint32(id[:], s.next)
	r.begin(fxpHandle).bytes(id[:])
	return nil
}

// handle takes a handle from the arguments.
func (s *subsystem) handle(r *request) (*handle, uint32, error) {
	id := r.args.bytes()
	if len(id) != 4 {
		return nil, 0, errHandle
	}
	n := binary.BigEndian.Uint32(id)
	h := s.handles[n]
	if h == nil {
		return nil, 0, errHandle
	}
	return h, n, nil
}

// fileHandle takes the handle of a file from the arguments.
func (s *subsystem) fileHandle(r *request) (*handle, error) {
	h, _, err := s.handle(r)
	if err == nil && h.file == nil {
		err = errNotFile
	}
	return h, err
}

// open serves SSH_FXP_OPEN (draft-ietf-secsh-filexfer-02 section 6.3).
func (s *subsystem) open(r *request) error {
	name, err := s.name(r)
	if err != nil {
		return err
	}
	pflags, attrs := r.args.uint32(), decodeAttributes(&r.args)
	if err := r.parsed(); err != nil {
		return err
	}
	h := &handle{
		path:   name,
		reads:  pflags&openRead != 0 || pflags&openWrite == 0,
		writes: pflags&openWrite != 0,
		append: pflags&(openWrite|openAppend) == openWrite|openAppend,
	}
	if err := s.reserveHandle(kindFile); err != nil {
		return err
	}
	if h.file, err = s.openFile(h, pflags, attrs); err != nil {
		s.conn.release(kindFile)
		return err
	}
	if h.writes {
		h.transfer.begin(s.conn, TransferRecord{Verb: "PUT", Via: "sftp", Path: name, Direction: Upload})
	}
	return s.add(r, h)
}

// Flags of SSH_FXP_OPEN.
const (
	openRead     = 1
	openWrite    = 2
	openAppend   = 4
	openCreate   = 8
	openTruncate = 16
	openExclude  = 32
)

// newFileMode is that of a file whose client asks for none. The backend's
// umask applies.
const newFileMode, newDirMode fs.FileMode = 0o666, 0o777

func (s *subsystem) openFile(h *handle, pflags uint32, attrs attributes) (File, error) {
	flag := os.O_RDONLY
	switch {
	case h.reads && h.writes:
		flag = os.O_RDWR
	case h.writes:
		flag = os.O_WRONLY
	}
	if h.append {
		flag |= os.O_APPEND
	}
	for bit, f := range map[uint32]int{openCreate: os.O_CREATE, openTruncate: os.O_TRUNC, openExclude: os.O_EXCL} {
		if pflags&bit != 0 {
			flag |= f
		}
	}
	if pflags&openCreate != 0 && strings.HasSuffix(h.path, "/") {
		return nil, syscall.EISDIR // as open(2)
	}
	perm := attrs.mode(newFileMode).Perm()
	file, err := s.session.OpenFile(s.ctx, h.path, flag, perm)
	if errors.Is(err, fs.ErrPermission) && h.reads && pflags&(openWrite|openCreate) == openWrite|openCreate {
		// Many programs ask for reading too when they make a file, and do not
		// read. In a drop box, they may write.
		h.reads = false
		file, err = s.session.OpenFile(s.ctx, h.path, flag&^os.O_RDWR|os.O_WRONLY, perm)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = &Error{StatusFailure, "Is a directory"}
	}
	if err != nil {
		_ = closeFile(file, err)
		return nil, err
	}
	return file, nil
}

// close serves SSH_FXP_CLOSE.
func (s *subsystem) close(r *request) error {
	h, id, err := s.handle(r)
	if err != nil {
		return err
	}
	delete(s.handles, id)
	s.refused = 0
	return s.closeHandle(h, nil)
}

// closeHandle closes a file or directory; cause is why the client does not.
func (s *subsystem) closeHandle(h *handle, cause error) error {
	if h.dir != nil {
		defer s.conn.release(kindFolder)
		h.dir.stop()
		return nil
	}
	defer s.conn.release(kindFile)
	err := closeFile(h.file, cause)
	if cause == nil {
		cause = err
	}
	h.transfer.end(s.conn, cause)
	return err
}

func closeFile(f File, cause error) error {
	if cause != nil {
		if f, ok := f.(interface{ CloseWithError(error) error }); ok {
			return f.CloseWithError(cause)
		}
	}
	return f.Close()
}

// closeHandles closes what the client has left open.
func (s *subsystem) closeHandles() {
	for id, h := range s.handles {
		delete(s.handles, id)
		_ = s.contain("closing a file", func() error { return s.closeHandle(h, ErrAborted) })
	}
}
