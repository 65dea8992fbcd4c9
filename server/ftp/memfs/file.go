package memfs

import (
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// file is an open file.
type file struct {
	fs       *FS
	node     *node
	name     string
	offset   int64
	writable bool
	closed   bool
}

func (f *file) Read(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return 0, os.ErrClosed
	}
	n, err := f.node.data.readAt(p, f.offset)
	f.offset += int64(n)
	return n, err
}

func (f *file) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return 0, os.ErrClosed
	}
	if !f.writable {
		return 0, fs.ErrPermission
	}
	if more := f.offset + int64(len(p)) - f.node.data.size; more > 0 {
		if f.fs.quota > 0 && f.fs.used+more > f.fs.quota {
			return 0, ftp.ErrQuota
		}
		f.fs.used += more
	}
	f.node.data.writeAt(p, f.offset)
	f.node.modTime = time.Now()
	f.offset += int64(len(p))
	return len(p), nil
}

func (f *file) Seek(offset int64, whence int) (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.node.data.size
	}
	if offset < 0 {
		return 0, fs.ErrInvalid
	}
	f.offset = offset
	return offset, nil
}

func (f *file) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.fs.used += size - f.node.data.size
	f.node.data.truncate(size)
	return nil
}

func (f *file) Stat() (fs.FileInfo, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.node.info(f.name), nil
}

func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.closed = true
	return nil
}
