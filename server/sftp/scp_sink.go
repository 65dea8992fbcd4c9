package sftp

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/lsformat"
)

// maxSCPDepth bounds how deep directories may be in one another.
const maxSCPDepth = 256

var errSCPDepth = &Error{StatusFailure, "directories are too deep in one another"}

// An scpHeader is a line of the protocol: a file, a directory, or times for the next
// of either.
type scpHeader struct {
	kind     byte // 'C', 'D', 'E', 'T', or 1 or 2 for a message of the client
	mode     fs.FileMode
	size     int64
	name     string
	modified time.Time
	accessed time.Time
}

var errSCPLine = &Error{StatusBadMessage, "protocol error: unexpected line"}

// parseSCPHeader parses a line without its newline.
func parseSCPHeader(line string) (scpHeader, error) {
	if line == "" {
		return scpHeader{}, errSCPLine
	}
	h, rest := scpHeader{kind: line[0]}, line[1:]
	switch h.kind {
	case 1, 2, 'E':
	case 'T':
		f := strings.Split(rest, " ")
		if len(f) != 4 {
			return h, errSCPLine
		}
		modified, err1 := strconv.ParseInt(f[0], 10, 64)
		accessed, err2 := strconv.ParseInt(f[2], 10, 64)
		if err1 != nil || err2 != nil || modified < 0 || accessed < 0 {
			return h, errSCPLine
		}
		h.modified, h.accessed = time.Unix(modified, 0), time.Unix(accessed, 0)
	case 'C', 'D':
		return h, h.parseEntry(rest)
	default:
		return h, errSCPLine
	}
	return h, nil
}

// parseEntry parses mode, size and name.
func (h *scpHeader) parseEntry(s string) error {
	mode, s, ok1 := strings.Cut(s, " ")
	size, name, ok2 := strings.Cut(s, " ")
	m, err1 := strconv.ParseUint(mode, 8, 16)
	n, err2 := strconv.ParseUint(size, 10, 63)
	switch {
	case !ok1 || !ok2 || err1 != nil || err2 != nil || len(mode) != 4:
		return errSCPLine
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
		return &Error{StatusBadMessage, "protocol error: unexpected name"}
	}
	h.mode, h.size, h.name = lsformat.FromUnixMode(uint32(m)), int64(n), name
	return nil
}

// sink takes files from the client into target.
func (s *scp) sink(target string) error {
	target, err := s.absolute(target)
	if err != nil {
		return err
	}
	isDir := false
	if info, err := s.session.Stat(s.ctx, target); err == nil {
		isDir = info.IsDir()
	}
	if s.mustBeDir && !isDir {
		return &Error{StatusFailure, target + ": Not a directory"}
	}
	if err := s.ok(); err != nil {
		return err
	}
	return s.receive(target, isDir, 0)
}

// receive takes what comes until the end of a directory or of everything. It
// goes into target if that is a directory, and else becomes target.
func (s *scp) receive(target string, isDir bool, depth int) error {
	var times *scpHeader
	for {
		text, err := s.readLine()
		if errors.Is(err, errSCPGone) && depth == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		h, err := parseSCPHeader(text)
		if err != nil {
			return err
		}
		name := target
		if isDir {
			name = child(target, h.name)
		}
		switch h.kind {
		case 1:
			s.failed = true
			continue
		case 2:
			s.failed = true
			return errSCPGone
		case 'E':
			if depth == 0 {
				return errSCPLine
			}
			return s.ok()
		case 'T':
			times = &h
			err = s.ok()
		case 'D':
			err = s.receiveDir(name, h, times, depth)
			times = nil
		case 'C':
			err = s.receiveFile(name, h, times)
			times = nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *scp) receiveDir(name string, h scpHeader, times *scpHeader, depth int) error {
	if !s.recursive || depth >= maxSCPDepth {
		return &Error{StatusBadMessage, "protocol error: unexpected directory"}
	}
	info, err := s.session.Stat(s.ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// The owner needs to get into what follows; the mode is set after that.
		err = s.session.Mkdir(s.ctx, name, h.mode|0o700)
	case err == nil && !info.IsDir():
		err = &Error{StatusFailure, "Not a directory"}
	}
	if err != nil {
		// The client goes on with the next, without what is in the directory.
		return s.warn(name, err)
	}
	if err := s.ok(); err != nil {
		return err
	}
	if err := s.receive(name, true, depth+1); err != nil {
		return err
	}
	if s.times {
		s.setAttributes(name, h.mode, times)
	}
	return nil
}

func (s *scp) receiveFile(name string, h scpHeader, times *scpHeader) error {
	if err := s.opened(); err != nil {
		return s.warn(name, err)
	}
	defer s.closed()
	f, err := s.openUpload(name, h.mode.Perm())
	if err != nil {
		return s.warn(name, err)
	}
	var t transfer
	whole := error(errFault) // unless nothing panics
	defer func() {
		if errors.Is(whole, errFault) {
			_ = closeFile(f, whole)
			t.end(s.conn, whole)
		}
	}()
	if err := s.ok(); err != nil {
		whole = closeFile(f, err)
		return err
	}
	t.begin(s.conn, s.transfer(Upload, name))
	failure, err := s.receiveAll(f, h.size, &t)
	whole = errors.Join(failure, err)
	if whole == nil {
		failure = closeFile(f, nil)
	} else {
		_ = closeFile(f, whole)
	}
	t.end(s.conn, errors.Join(failure, err))
	switch {
	case err != nil:
		return err
	case errors.Is(failure, errSCPUnread):
		return s.ok()
	case failure != nil:
		return s.warn(name, failure)
	}
	if s.times {
		s.setAttributes(name, h.mode, times)
	}
	return s.ok()
}

// openUpload opens a file that a client sends. What it holds is cut off when all
// has come, and not before: it may be what the client reads from.
func (s *scp) openUpload(name string, perm fs.FileMode) (File, error) {
	if u, ok := s.session.(Uploader); ok {
		return u.OpenUpload(s.ctx, name, perm)
	}
	return s.session.OpenFile(s.ctx, name, os.O_WRONLY|os.O_CREATE, perm)
}

// errSCPUnread means that the client could not read its file, and has sent
// something in its place.
var errSCPUnread = errors.New("sftp: the scp client could not read the file")

// receiveAll takes a file, and the client's word that it is complete. failure is
// that of this file, after which others may come; err ends the transfer.
func (s *scp) receiveAll(f File, size int64, t *transfer) (failure, err error) {
	failure, err = s.receiveData(f, size, t)
	if err != nil {
		return failure, err
	}
	if failure == nil {
		failure = endAt(f, size)
	}
	complete, err := s.acknowledged()
	if err == nil {
		err = s.ctx.Err() // the client has gone since
	}
	if failure == nil && err == nil && !complete {
		failure = errSCPUnread
	}
	return failure, err
}

// endAt ends a file where the client's ends.
func endAt(f File, size int64) error {
	info, err := f.Stat()
	if err != nil || info.Size() <= size {
		return err
	}
	return f.Truncate(size)
}

// receiveData takes size bytes. When those cannot be written, they are read
// all the same, for the client sends them; writeErr says why.
func (s *scp) receiveData(f File, size int64, t *transfer) (writeErr, err error) {
	buf, err := s.conn.getBuffer(s.ctx, int(min(size, maxData)))
	if err != nil {
		return nil, err
	}
	defer s.conn.putBuffer(buf)
	for at := int64(0); at < size; {
		if err := s.ctx.Err(); err != nil {
			return writeErr, err
		}
		n, err := s.in.Read((*buf)[:min(size-at, maxData)])
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				err = ErrAborted
			}
			return writeErr, errors.Join(errSCPGone, err)
		}
		if writeErr == nil {
			var w int
			w, writeErr = f.WriteAt((*buf)[:n], at)
			t.add(w, writeErr)
		}
		s.conn.activity.touch()
		if err := s.conn.moved(s.ctx, Upload, n); err != nil {
			return writeErr, err
		}
		at += int64(n)
	}
	return writeErr, nil
}
