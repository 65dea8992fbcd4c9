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
		if err := s.sendWord(w); err != nil {
			return err
		}
	}
	return nil
}

// sendWord sends what a word stands for: itself, or, where it has wildcards
// that were not quoted, the files that match. A word that matches nothing
// stands for itself, as in a shell.
func (s *scp) sendWord(w word) error {
	name, err := s.absolute(w.text)
	if err != nil {
		return s.warn(w.text, err)
	}
	if w.pattern == "" {
		return s.send(name, 0)
	}
	pattern := w.pattern
	if !path.IsAbs(pattern) {
		pattern = "/" + pattern
	}
	parts := slices.DeleteFunc(strings.Split(pattern, "/"), func(part string) bool { return part == "" || part == "." })
	if len(parts) > maxSCPDepth {
		return s.warn(w.text, errSCPDepth)
	}
	if found, err := s.sendMatches("/", parts); err != nil || found {
		return err
	}
	return s.send(name, 0)
}

// sendMatches sends what the parts of a pattern stand for in a directory, and
// reports whether that is anything. It goes into one directory after the other,
// so that no more than the names in those on the way are kept.
func (s *scp) sendMatches(dir string, parts []string) (found bool, err error) {
	part, rest := parts[0], parts[1:]
	next := func(entry string) error {
		if name := child(dir, entry); len(rest) == 0 {
			found = true
			return s.send(name, 0)
		} else {
			foundIn, err := s.sendMatches(name, rest)
			found = found || foundIn
			return err
		}
	}
	if strings.ContainsAny(part, `*?[\`) {
		err = s.eachMatch(dir, part, next)
		return found, err
	}
	if _, err := s.session.Lstat(s.ctx, child(dir, part)); err != nil {
		return false, nil
	}
	err = next(part)
	return found, err
}

// eachMatch calls next for the entries of a directory that match part of a
// pattern, in order if their names may be kept, and else in several parts that
// are. Of what matched so far, some may be no directory.
func (s *scp) eachMatch(dir, part string, next func(string) error) error {
	if err := s.conn.reserve(kindFolder); err != nil {
		return s.warn(dir, err)
	}
	names := heldNames{conn: s.conn}
	defer names.clear()
	err := func() error {
		defer s.conn.release(kindFolder)
		for info, err := range s.session.List(s.ctx, dir) {
			if err != nil {
				return s.ctx.Err()
			}
			name := info.Name()
			hidden := strings.HasPrefix(name, ".") && !strings.HasPrefix(part, ".")
			if ok, err := path.Match(part, name); err != nil || !ok || hidden {
				continue
			}
			if names.add(name) {
				continue
			}
			if err := names.each(next); err != nil {
				return err
			}
			if names.add(name) {
				continue
			}
			if err := next(name); err != nil {
				return err
			}
		}
		return s.ctx.Err()
	}()
	if err != nil {
		return err
	}
	return names.each(next)
}

// send sends a file or directory, which is so deep in one that was asked for.
func (s *scp) send(name string, depth int) error {
	info, err := s.session.Stat(s.ctx, name)
	switch {
	case err != nil:
		return s.warn(name, err)
	case info.IsDir() && s.recursive && depth == maxSCPDepth:
		return s.warn(name, errSCPDepth)
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
	if err := s.sendEntries(name, depth+1); err != nil {
		return err
	}
	if err := s.write([]byte("E\n")); err != nil {
		return err
	}
	_, err := s.acknowledged()
	return err
}

// sendEntries sends what is in a directory: the files, and, once the directory
// is closed, the directories, so that a tree costs as little as one of them.
func (s *scp) sendEntries(dir string, depth int) error {
	if err := s.conn.reserve(kindFolder); err != nil {
		return s.warn(dir, err)
	}
	later := heldNames{conn: s.conn}
	defer later.clear()
	err := func() error {
		defer s.conn.release(kindFolder)
		for entry, err := range s.session.List(s.ctx, dir) {
			if err != nil {
				return s.warn(dir, err)
			}
			if !entry.Mode().IsRegular() && later.add(entry.Name()) {
				continue
			}
			if err := s.send(child(dir, entry.Name()), depth); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		return err
	}
	return later.each(func(name string) error { return s.send(child(dir, name), depth) })
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
	buf, err := s.conn.getBuffer(s.ctx, int(min(size, maxData)))
	if err != nil {
		return nil, err
	}
	defer s.conn.putBuffer(buf)
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
