package ftp

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Atomic uploads: see Server.AtomicUploads.

const (
	partialPrefix = ".ftp-upload."
	maxName       = 255 // bytes in a file name, on every file system that matters
)

// partialName is where the upload to name is kept until it is complete. It is
// always the same, so that a later session finds it again.
func partialName(name string) string {
	dir, base := path.Split(name)
	if len(partialPrefix)+len(base) > maxName {
		sum := sha256.Sum256([]byte(base))
		base = hex.EncodeToString(sum[:])
	}
	return dir + partialPrefix + base
}

// hidden reports whether a listing leaves an entry out.
func (c *Conn) hidden(name string) bool {
	return c.server.AtomicUploads && strings.HasPrefix(name, partialPrefix)
}

// choosePartial decides whether u is written to a partial file. An upload from
// the start is. One that continues does if there is a partial file; without
// one it continues the target itself, which the client has seen.
func (c *Conn) choosePartial(u *upload, offset int64) error {
	partial := partialName(u.name)
	info, err := c.state.session.Stat(c.ctx, u.name)
	if err == nil && info.IsDir() {
		return &Error{550, "Is a directory"} // a rename would only fail at the end
	}
	if offset != 0 && !errors.Is(err, fs.ErrNotExist) {
		if _, err := c.state.session.Stat(c.ctx, partial); err != nil {
			return nil
		}
	}
	// Two uploads to one partial file would mix in it.
	key := c.User() + "\x00" + partial
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, busy := s.uploads[key]; busy {
		return errBusy
	}
	s.uploads[key] = struct{}{}
	u.partial = partial
	u.release = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.uploads, key)
	}
	return nil
}

// cut ends a continued partial file where the client ended: an earlier attempt
// may have got further than the offset that this one started from.
func (u *upload) cut() error {
	t, ok := u.file.(interface{ Truncate(int64) error })
	if !ok {
		return nil
	}
	end, err := u.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	return t.Truncate(end)
}
