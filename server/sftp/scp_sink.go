package sftp

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// sink stores what the client sends below, or as, the one name.
func (s *scp) sink(names []word) error {
	if len(names) != 1 {
		return errSCPUsage
	}
	target, err := s.absolute(names[0].text)
	if err != nil {
		return err
	}
	info, err := s.ch.session.Stat(s.ctx, target)
	isFolder := err == nil && info.IsDir()
	if s.folder && !isFolder {
		return &Error{StatusFailure, names[0].text + ": not a directory"}
	}
	if err := s.ok(); err != nil {
		return err
	}
	return s.receive(target, isFolder, 0)
}

// maxDepth bounds how deep folders may be in each other.
const maxDepth = 256

// header is a line of the client.
type header struct {
	mode fs.FileMode
	size int64
	name string
}

// receive serves the lines of one folder until it ends. What comes is stored in
// target if that is a folder, else as target.
func (s *scp) receive(target string, isFolder bool, depth int) error {
	var modified, accessed time.Time
	for {
		line, err := s.line()
		if errors.Is(err, io.EOF) && depth == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if line == "" {
			return errSCPProtocol
		}
		switch line[0] {
		case 1:
			s.failed = true
			continue
		case 'E':
			if depth == 0 {
				return errSCPProtocol
			}
			return s.ok()
		case 'T':
			if modified, accessed, err = parseTimes(line[1:]); err == nil {
				err = s.ok()
			}
		case 'C', 'D':
			err = s.receiveOne(line, target, isFolder, depth, modified, accessed)
			modified, accessed = time.Time{}, time.Time{}
		default:
			return errSCPProtocol
		}
		if err != nil {
			return err
		}
	}
}

// receiveOne stores the file or folder that a line announces.
func (s *scp) receiveOne(line, target string, isFolder bool, depth int, modified, accessed time.Time) error {
	h, err := parseHeader(line)
	if err != nil {
		return err
	}
	name := target
	if isFolder {
		name = path.Join(target, h.name)
	}
	file := line[0] == 'C'
	if file {
		err = s.receiveFile(name, h)
	} else {
		err = s.receiveFolder(name, h, depth)
	}
	if err == nil && !modified.IsZero() {
		// Not being able to is no reason to fail an upload.
		err = ignoreRefusal(s.ch.session.Chtimes(s.ctx, name, accessed, modified))
	}
	var shown *scpError
	switch {
	case errors.As(err, &shown):
		return shown.error
	case err != nil:
		return s.warn(name, err)
	case !file:
		return nil // its end has been answered
	}
	return s.ok()
}

func ignoreRefusal(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

func (s *scp) receiveFolder(name string, h header, depth int) error {
	if !s.recursive || depth == maxDepth {
		return &scpError{errSCPProtocol}
	}
	info, err := s.ch.session.Stat(s.ctx, name)
	switch {
	case err == nil && !info.IsDir():
		return &Error{StatusFailure, "not a directory"}
	case errors.Is(err, fs.ErrNotExist):
		// The owner must be able to fill it, whatever mode it has in the end.
		err = s.ch.session.Mkdir(s.ctx, name, h.mode|0o700)
	}
	if err != nil {
		return err
	}
	if err := s.ok(); err != nil {
		return &scpError{err}
	}
	if err := s.receive(name, true, depth+1); err != nil {
		return &scpError{err}
	}
	return nil
}

func (s *scp) receiveFile(name string, h header) error {
	mode := newFileMode
	if s.times {
		mode = h.mode
	}
	f, err := s.ch.session.OpenFile(s.ctx, name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if err := s.ok(); err != nil {
		return &scpError{errors.Join(err, closeFile(f, err))}
	}
	var t transfer
	t.begin(s.ch.conn, TransferRecord{Verb: "PUT", Via: "scp", Path: name, Direction: Upload})
	writeErr, err := s.receiveBytes(f, h.size, &t)
	if err == nil {
		if err = s.answer(); errors.Is(err, errAnswer) {
			writeErr, err = errors.Join(writeErr, errAnswer), nil
		}
	}
	cause := errors.Join(writeErr, err)
	if closeErr := closeFile(f, cause); cause == nil {
		writeErr, cause = closeErr, closeErr
	}
	t.end(s.ch.conn, cause)
	switch {
	case err != nil:
		return &scpError{err}
	case writeErr != nil:
		return writeErr
	case s.times:
		return ignoreRefusal(s.ch.session.Chmod(s.ctx, name, h.mode))
	}
	return nil
}

// receiveBytes takes size bytes whatever happens: what cannot be written is
// read all the same, and told afterwards.
func (s *scp) receiveBytes(f File, size int64, t *transfer) (writeErr, err error) {
	buf := packetBuffers.Get().(*[]byte)
	defer packetBuffers.Put(buf)
	for at := int64(0); at < size; {
		n, err := s.in.Read((*buf)[:min(maxData, size-at)])
		if n > 0 && writeErr == nil {
			_, writeErr = f.WriteAt((*buf)[:n], at)
		}
		at += int64(n)
		t.add(n, nil)
		s.ch.conn.activity.touch()
		if at < size && err != nil {
			return writeErr, io.ErrUnexpectedEOF
		}
		if err := s.ch.conn.moved(s.ctx, Upload, n); err != nil {
			return writeErr, err
		}
	}
	return writeErr, nil
}

// parseHeader parses "C0644 SIZE NAME".
func parseHeader(line string) (h header, err error) {
	mode, rest, ok1 := strings.Cut(line[1:], " ")
	size, name, ok2 := strings.Cut(rest, " ")
	if !ok1 || !ok2 || name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return h, errSCPProtocol
	}
	bits, err := parseNumber(mode, 8)
	if err != nil {
		return h, err
	}
	n, err := parseNumber(size, 10)
	return header{fs.FileMode(bits) & fs.ModePerm, n, name}, err
}

// parseTimes parses "MTIME 0 ATIME 0".
func parseTimes(s string) (modified, accessed time.Time, err error) {
	parts := strings.Fields(s)
	if len(parts) != 4 {
		return modified, accessed, errSCPProtocol
	}
	m, err1 := parseNumber(parts[0], 10)
	a, err2 := parseNumber(parts[2], 10)
	return time.Unix(m, 0), time.Unix(a, 0), errors.Join(err1, err2)
}
