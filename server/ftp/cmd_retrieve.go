package ftp

import (
	"context"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
)

// RFC 959 section 4.1.3: downloads, and ending a transfer.
var _ = register(map[string]*command{
	"RETR": {(*Conn).cmdRetr, needArg | usesData, "name"},
	"ABOR": {(*Conn).cmdAbor, anyTime, ""},
})

func (c *Conn) cmdRetr(arg string) error {
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	offset := c.state.offset
	file, size, err := c.openRead(name, offset)
	if err != nil {
		return err
	}
	return c.startTransfer(&transfer{
		job:     job{verb: "RETR", path: name, direction: Download, size: size},
		content: &download{file}, offset: offset, opening: c.opening(arg, size),
	})
}

// A download is a file that is being sent.
type download struct{ file File }

func (d *download) move(t *transfer) error {
	t.watch(d.file)
	if t.ascii {
		return t.conn.server.buffers.Copy(&asciiWriter{w: t}, d.file)
	}
	return t.pump(move.Download(t.ctx, t.data, d.file, t.conn.server.turns))
}

func (d *download) end(err error) error {
	d.file.Close() // it was only read
	return err
}

// openRead opens a file to be read from an offset, and returns its size.
func (c *Conn) openRead(name string, offset int64) (File, int64, error) {
	file, err := c.state.session.OpenFile(c.ctx, name, os.O_RDONLY)
	if err != nil {
		return nil, 0, err
	}
	info, err := statOpen(c.ctx, c.state.session, file, name)
	switch {
	case err != nil:
	case info.IsDir():
		err = syscall.EISDIR
	case offset > info.Size():
		err = errBeyondEnd
	case offset > 0:
		_, err = file.Seek(offset, io.SeekStart)
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
