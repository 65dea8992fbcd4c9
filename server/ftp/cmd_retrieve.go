package ftp

import (
	"context"
	"io"
	"io/fs"
	"os"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
)

// RFC 959 section 4.1.3: downloads, and ending a transfer.
var _ = register(map[string]*command{
	"RETR": {(*Conn).cmdRetr, needArg, "name"},
	"ABOR": {(*Conn).cmdAbor, anyTime, ""},
})

func (c *Conn) cmdRetr(arg string) error {
	offset := c.takeOffset()
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	if err := c.dataReady(); err != nil {
		return err
	}
	file, size, err := c.openRead(name)
	if err != nil {
		return err
	}
	if offset > 0 {
		if offset > size && size >= 0 {
			file.Close()
			return &Error{554, "The file ends before that offset"}
		}
		if _, err := file.Seek(offset, io.SeekStart); err != nil {
			file.Close()
			return err
		}
	}
	return c.startTransfer(&transfer{
		job:     job{verb: "RETR", path: name, direction: Download, size: size},
		content: &download{file}, offset: offset, opening: c.opening(arg, size),
	})
}

// A download is a file that is being sent.
type download struct{ file File }

func (d *download) begin() error { return nil }

func (d *download) move(t *transfer) error {
	t.watch(d.file)
	t.data.FullSegments()
	if !t.ascii && !t.deflate {
		return t.pump(move.Download(t.ctx, t.data, d.file, &t.conn.server.turns))
	}
	w, done := t.writer()
	if err := t.conn.server.buffers.Copy(w, d.file); err != nil {
		return err
	}
	return done()
}

func (d *download) end(err error) error {
	d.file.Close() // it was only read
	return err
}

// openRead opens a regular file, and returns its size, or -1 if unknown.
func (c *Conn) openRead(name string) (File, int64, error) {
	file, err := c.state.session.OpenFile(c.ctx, name, os.O_RDONLY)
	if err != nil {
		return nil, 0, err
	}
	info, err := statOpen(c.ctx, c.state.session, file, name)
	if err == nil && info.IsDir() {
		err = &Error{550, "Is a directory"}
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

type statter interface{ Stat() (fs.FileInfo, error) }

// statOpen describes an open file. Asking the file itself saves a walk along its path,
// at the end of which there may be another one by now.
func statOpen(ctx context.Context, session Session, file File, name string) (fs.FileInfo, error) {
	if f, ok := file.(statter); ok {
		return f.Stat()
	}
	return session.Stat(ctx, name)
}

// takeOffset returns what REST said, which holds for one transfer.
func (c *Conn) takeOffset() int64 {
	offset := c.state.offset
	c.state.offset = 0
	return offset
}

// cmdAbor ends a transfer: 426 for it, then 226 for ABOR (RFC 959 section
// 4.1.3). Without one, what remains is a data connection to drop.
func (c *Conn) cmdAbor(string) error {
	if c.activeJob() == nil {
		c.dropData()
		return c.reply(226, "No transfer to abort")
	}
	c.abortJob(errAborted)
	return c.reply(226, "Abort successful")
}
