package ftp

import (
	"compress/zlib"
	"errors"
	"io"
	"sync"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
)

// MODE Z: the data connection carries a zlib stream (draft-preston-ftpext-deflate).

// deflaters are compressors by level, from -1, the default. One takes several
// hundred KiB, so they are used again.
var deflaters [11]sync.Pool

// A deflater compresses. Close completes the stream.
type deflater struct {
	z    *zlib.Writer
	pool *sync.Pool
}

func newDeflater(w io.Writer, level int) *deflater {
	d := &deflater{pool: &deflaters[level+1]}
	if z, ok := d.pool.Get().(*zlib.Writer); ok {
		z.Reset(w)
		d.z = z
	} else {
		d.z, _ = zlib.NewWriterLevel(w, level) // fails for levels that do not exist only
	}
	return d
}

func (d *deflater) Write(p []byte) (int, error) { return d.z.Write(p) }

func (d *deflater) Close() error {
	err := d.z.Close()
	d.pool.Put(d.z)
	d.z = nil
	return err
}

// inflater opens the zlib stream when it is first read: doing so reads.
type inflater struct {
	r io.Reader
	z io.ReadCloser
}

func (i *inflater) Read(p []byte) (int, error) {
	if i.z == nil {
		z, err := zlib.NewReader(i.r)
		if err == io.EOF {
			return 0, err // an empty transfer, without even a header
		}
		if err != nil {
			return 0, deflateError(err)
		}
		i.z = z
	}
	n, err := i.z.Read(p)
	if err != nil && err != io.EOF {
		err = deflateError(err)
	}
	return n, err
}

func deflateError(err error) error {
	if _, ok := errors.AsType[*move.ConnError](err); ok {
		return err
	}
	return &Error{451, "The compressed data is damaged"}
}
