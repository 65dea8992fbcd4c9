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

// source sends files to the client.
func (s *scp) source(words []word) error {
	if ok, err := s.acknowledged(); err != nil || !ok {
		return err
	}
	for _, w := range words {
		names, err := s.expand(w)
		if err != nil {
			if err := s.warn(w.text, err); err != nil {
				return err
			}
			continue
		}
		for _, name := range names {
			if err := s.send(name, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// expand returns the names that a word stands for: itself, or, where it has
// wildcards that were not quoted, the files that match. A word that matches
// nothing stands for itself, as in a shell.
func (s *scp) expand(w word) ([]string, error) {
	name, err := s.absolute(w.text)
	if err != nil || w.pattern == "" {
		return []string{name}, err
	}
	pattern := w.pattern
	if !path.IsAbs(pattern) {
		pattern = s.home + "/" + pattern
	}
	matches := []string{"/"}
	for part := range strings.SplitSeq(pattern, "/") {
		if part == "" || part == "." {
			continue
		}
		if matches, err = s.match(matches, part); err != nil {
			return nil, err
		}
	}
	if len(matches) == 0 {
		return []string{name}, nil
	}
	return matches, nil
}

// maxMatches bounds what a pattern may stand for.
const maxMatches = 100_000

// match returns the entries of the directories that match part of a pattern.
func (s *scp) match(dirs []string, part string) ([]string, error) {
	var matches []string
	for _, dir := range dirs {
		if !strings.ContainsAny(part, `*?[\`) {
			name := child(dir, part)
			if _, err := s.session.Lstat(s.ctx, name); err == nil {
				matches = append(matches, name)
			}
			continue
		}
		for info, err := range s.session.List(s.ctx, dir) {
			if err != nil {
				break // of the directories that match so far, some may be files
			}
			hidden := strings.HasPrefix(info.Name(), ".") && !strings.HasPrefix(part, ".")
			if ok, err := path.Match(part, info.Name()); err == nil && ok && !hidden {
				matches = append(matches, child(dir, info.Name()))
			}
			if len(matches) > maxMatches {
				return nil, &Error{StatusFailure, "Too many files match"}
			}
		}
	}
	slices.Sort(matches)
	return matches, nil
}

// send sends a file or directory, which is so deep in one that was asked for.
func (s *scp) send(name string, depth int) error {
	info, err := s.session.Stat(s.ctx, name)
	switch {
	case err != nil:
		return s.warn(name, err)
	case info.IsDir() && s.recursive && depth == maxSCPDepth:
		return s.warn(name, &Error{StatusFailure, "directories are too deep in one another"})
	case info.IsDir() && s.recursive:
		return s.sendDir(name, info, depth)
	case info.IsDir():
		return s.warn(name, &Error{StatusFailure, "not a regular file"})
	case !info.Mode().IsRegular():
		return s.warn(name, &Error{StatusFailure, "not a regular file"})
	}
	return s.sendFile(name)
}

// header sends a line, after one with the times if those are wanted. If ok is
// false, the client leaves out what the line is about.
func (s *scp) header(info fs.FileInfo, kind string, size int64, name string) (ok bool, err error) {
	if s.times {
		own, _ := ownerOf(info)
		accessed := own.accessed
		if accessed.IsZero() {
			accessed = info.ModTime()
		}
		if err := s.write(fmt.Appendf(nil, "T%d 0 %d 0\n", unixSeconds(info.ModTime()), unixSeconds(accessed))); err != nil {
			return false, err
		}
		if ok, err := s.acknowledged(); err != nil || !ok {
			return false, err
		}
	}
	base := path.Base(path.Clean(name))
	if base == "/" {
		base = "."
	}
	if err := s.write(fmt.Appendf(nil, "%s%s %d %s\n", kind, scpMode(info), size, line(base))); err != nil {
		return false, err
	}
	return s.acknowledged()
}

func (s *scp) sendDir(name string, info fs.FileInfo, depth int) error {
	if ok, err := s.header(info, "D", 0, name); err != nil || !ok {
		return err
	}
	for entry, err := range s.session.List(s.ctx, name) {
		if err != nil {
			if err := s.warn(name, err); err != nil {
				return err
			}
			break
		}
		if err := s.send(child(name, entry.Name()), depth+1); err != nil {
			return err
		}
	}
	if err := s.write([]byte("E\n")); err != nil {
		return err
	}
	_, err := s.acknowledged()
	return err
}

func (s *scp) sendFile(name string) error {
	if err := s.opened(); err != nil {
		return s.warn(name, err)
	}
	defer s.closed()
	f, err := s.session.OpenFile(s.ctx, name, os.O_RDONLY, 0)
	if err != nil {
		return s.warn(name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return s.warn(name, err)
	}
	if ok, err := s.header(info, "C", info.Size(), name); err != nil || !ok {
		return err
	}
	var t transfer
	t.begin(s.conn, s.transfer(Download, name))
	readErr, err := s.sendData(f, info.Size(), &t)
	t.end(s.conn, errors.Join(readErr, err))
	if err != nil {
		return err
	}
	if readErr != nil {
		err = s.warn(name, readErr)
	} else {
		err = s.ok()
	}
	if err != nil {
		return err
	}
	_, err = s.acknowledged()
	return err
}

// sendData sends size bytes. When the file cannot be read to there, the rest is
// zeros, for the client waits for as much as it was told; readErr says why.
func (s *scp) sendData(f File, size int64, t *transfer) (readErr, err error) {
	buf := getBuffer(int(min(size, maxData)))
	defer putBuffer(buf)
	for at := int64(0); at < size; {
		b := (*buf)[:min(size-at, maxData)]
		if readErr == nil {
			n, err := f.ReadAt(b, at)
			switch {
			case n > 0:
				b = b[:n]
			case err == nil || errors.Is(err, io.EOF):
				readErr = &Error{StatusFailure, "file has become shorter"}
			default:
				readErr = err
			}
		}
		if readErr != nil {
			clear(b)
		} else {
			t.add(len(b), nil)
		}
		if err := s.conn.moved(s.ctx, Download, len(b)); err != nil {
			return readErr, err
		}
		if err := s.write(b); err != nil {
			return readErr, err
		}
		at += int64(len(b))
	}
	return readErr, nil
}
