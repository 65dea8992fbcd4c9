package sftp

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// source sends what the names, which may be patterns, stand for.
func (s *scp) source(names []word) error {
	if err := s.answer(); err != nil {
		return err
	}
	for _, w := range names {
		matches, err := s.expand(w)
		if err != nil {
			if err := s.warn(w.text, err); err != nil {
				return err
			}
			continue
		}
		for _, name := range matches {
			if err := s.sendAny(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxMatches bounds how many names a pattern stands for.
const maxMatches = 100_000

// expand returns what a word of the command line stands for: a server's shell
// would have expanded its patterns. One that matches nothing is an error.
func (s *scp) expand(w word) ([]string, error) {
	if w.pattern == "" {
		name, err := s.absolute(w.text)
		return []string{name}, err
	}
	pattern, err := s.absolute(w.pattern)
	if err != nil {
		return nil, err
	}
	matches := []string{"/"}
	for part := range strings.SplitSeq(pattern[1:], "/") {
		if matches, err = s.expandPart(matches, part); err != nil {
			return nil, err
		}
	}
	if len(matches) == 0 {
		return nil, fs.ErrNotExist
	}
	slices.Sort(matches)
	return matches, nil
}

// expandPart matches one part of a pattern in each of the folders.
func (s *scp) expandPart(folders []string, part string) ([]string, error) {
	var matches []string
	for _, folder := range folders {
		if !strings.ContainsAny(part, `*?[\`) {
			name := path.Join(folder, part)
			if _, err := s.ch.session.Lstat(s.ctx, name); err == nil {
				matches = append(matches, name)
			}
			continue
		}
		for info, err := range s.ch.session.List(s.ctx, folder) {
			if err != nil {
				break // no folder, or none that may be read: nothing matches in it
			}
			hidden := strings.HasPrefix(info.Name(), ".") && !strings.HasPrefix(part, ".")
			if ok, err := path.Match(part, info.Name()); err != nil || !ok || hidden {
				continue
			}
			if len(matches) == maxMatches {
				return nil, Errorf(StatusFailure, "More than %d names match", maxMatches)
			}
			matches = append(matches, path.Join(folder, info.Name()))
		}
	}
	return matches, nil
}

// sendAny sends a file, or a folder if that was asked for. Its error ends the
// session; what only concerns this name is told to the client.
func (s *scp) sendAny(name string) error {
	info, err := s.ch.session.Stat(s.ctx, name)
	switch {
	case err == nil && info.IsDir() && s.recursive:
		return s.sendFolder(name, info)
	case err == nil && info.IsDir():
		err = &Error{StatusFailure, "not a regular file"}
	case err == nil:
		err = s.sendFile(name, info)
	}
	var shown *scpError
	switch {
	case errors.Is(err, errAnswer):
		return nil
	case errors.As(err, &shown):
		return shown.error
	case err != nil:
		return s.warn(name, err)
	}
	return nil
}

// scpError is an error of the connection, as opposed to one of a file.
type scpError struct{ error }

func (e *scpError) Unwrap() error { return e.error }

// begin sends the line for a file or folder and waits for the answer.
func (s *scp) begin(kind byte, name string, info fs.FileInfo, size int64) error {
	base := path.Base(name)
	if name == "/" {
		base = "."
	}
	if s.times {
		t := info.ModTime().Unix()
		fmt.Fprintf(s.out, "T%d 0 %d 0\n", t, t)
		if err := s.answer(); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "%c%04o %d %s\n", kind, info.Mode().Perm(), size, base)
	return s.answer()
}

func (s *scp) sendFolder(name string, info fs.FileInfo) error {
	if err := s.begin('D', name, info, 0); err != nil {
		if errors.Is(err, errAnswer) {
			return nil
		}
		return err
	}
	for child, err := range s.ch.session.List(s.ctx, name) {
		if err != nil {
			if err := s.warn(name, err); err != nil {
				return err
			}
			break
		}
		if err := s.sendAny(path.Join(name, child.Name())); err != nil {
			return err
		}
	}
	if _, err := s.out.WriteString("E\n"); err != nil {
		return err
	}
	if err := s.answer(); err != nil && !errors.Is(err, errAnswer) {
		return err
	}
	return nil
}

func (s *scp) sendFile(name string, info fs.FileInfo) error {
	f, err := s.ch.session.OpenFile(s.ctx, name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	size := info.Size()
	if err := s.begin('C', name, info, size); err != nil {
		if errors.Is(err, errAnswer) {
			return err
		}
		return &scpError{err}
	}
	var t transfer
	t.begin(s.ch.conn, TransferRecord{Verb: "GET", Via: "scp", Path: name, Direction: Download})
	readErr, err := s.sendBytes(f, size, &t)
	if err == nil && readErr == nil {
		err = s.out.WriteByte(0)
	} else if err == nil {
		err = s.warn(name, readErr)
	}
	if err == nil {
		err = s.answer()
	}
	t.end(s.ch.conn, errors.Join(readErr, err))
	if err != nil && !errors.Is(err, errAnswer) {
		return &scpError{err}
	}
	return err
}

// sendBytes sends size bytes whatever happens, since the client counts on them:
// what cannot be read is sent as zeros, and told afterwards.
func (s *scp) sendBytes(f File, size int64, t *transfer) (readErr, err error) {
	buf := packetBuffers.Get().(*[]byte)
	defer packetBuffers.Put(buf)
	for at := int64(0); at < size; {
		b := (*buf)[:min(maxData, size-at)]
		n := 0
		if readErr == nil {
			n, readErr = f.ReadAt(b, at)
			if n == len(b) {
				readErr = nil
			} else if errors.Is(readErr, io.EOF) {
				readErr = &Error{StatusFailure, "The file has become shorter"}
			}
		}
		clear(b[n:])
		if _, err := s.out.Write(b); err != nil {
			return readErr, err
		}
		at += int64(len(b))
		t.add(n, nil)
		s.ch.conn.activity.touch()
		if err := s.ch.conn.moved(s.ctx, Download, n); err != nil {
			return readErr, err
		}
	}
	return readErr, nil
}
