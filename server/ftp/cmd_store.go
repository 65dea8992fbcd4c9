package ftp

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/internal/move"
)

// RFC 959 section 4.1.3: uploads.
var _ = register(map[string]*command{
	"STOR": {(*Conn).cmdStor, needArg | usesData, "name"},
	"APPE": {(*Conn).cmdAppe, needArg | usesData, "name"},
	"STOU": {(*Conn).cmdStou, usesData, "[name]"},
})

func (c *Conn) cmdStor(arg string) error {
	return c.store("STOR", arg, func(name string) (*upload, error) {
		offset := c.state.offset
		file, err := c.openUpload(name, offset)
		if err != nil {
			return nil, err
		}
		u := &upload{file: file, offset: offset}
		if offset > 0 {
			err = u.goOn()
		}
		return u, err
	})
}

// openUpload opens a file for STOR.
func (c *Conn) openUpload(name string, offset int64) (file File, err error) {
	session := c.state.session
	if s, ok := session.(Uploader); ok {
		file, err = s.OpenUpload(c.ctx, name, offset)
	} else {
		flag := os.O_WRONLY
		if offset == 0 {
			flag |= os.O_CREATE
		}
		file, err = session.OpenFile(c.ctx, name, flag)
	}
	if offset > 0 && errors.Is(err, fs.ErrNotExist) {
		return nil, errBeyondEnd
	}
	return file, err
}

// cmdAppe creates the file if there is none, and ignores REST.
func (c *Conn) cmdAppe(arg string) error {
	return c.store("APPE", arg, func(name string) (*upload, error) {
		file, err := c.state.session.OpenFile(c.ctx, name, os.O_WRONLY|os.O_CREATE|os.O_APPEND)
		if err != nil {
			return nil, err
		}
		u := &upload{file: file, appends: true}
		u.offset, err = file.Seek(0, io.SeekEnd)
		return u, err
	})
}

// cmdStou stores under a new name, which the replies tell in the form of RFC
// 1123 section 4.1.2.9.
func (c *Conn) cmdStou(arg string) error {
	if arg == "" {
		arg = "upload"
	}
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	const attempts = 1000
	for i := range attempts {
		unique := name
		if i > 0 {
			unique += "." + strconv.Itoa(i)
		}
		file, err := c.state.session.OpenFile(c.ctx, unique, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		return c.startUpload("STOU", unique, &upload{file: file}, "FILE: "+path.Base(unique))
	}
	return &Error{553, "No unique name is free"}
}

// store receives a file, which open opens.
func (c *Conn) store(verb, arg string, open func(name string) (*upload, error)) error {
	name, err := c.resolve(arg)
	switch {
	case err != nil:
		return err
	case name == "/":
		return errBadName
	}
	u, err := open(name)
	if err != nil {
		if u != nil {
			closeWithError(u.file, err)
		}
		return err
	}
	return c.startUpload(verb, name, u, c.opening(arg, -1))
}

// An upload is a file that is being received.
type upload struct {
	file    File
	offset  int64
	appends bool // what comes is appended, whoever else appends
}

// errBeyondEnd keeps an upload that goes on from leaving a hole. RFC 959 lets the
// server say so at STOR only.
var errBeyondEnd = &Error{554, "The restart position is beyond the end of the file"}

// goOn has the file written from the offset.
func (u *upload) goOn() error {
	size, err := u.file.Seek(0, io.SeekEnd)
	switch {
	case err != nil:
		return err
	case u.offset > size:
		return errBeyondEnd
	}
	_, err = u.file.Seek(u.offset, io.SeekStart)
	return err
}

func (c *Conn) startUpload(verb, name string, u *upload, opening string) error {
	return c.startTransfer(&transfer{
		job:     job{verb: verb, path: name, direction: Upload, size: -1},
		content: u, offset: u.offset, opening: opening,
	})
}

// empty takes away what the file held, now that there is a data connection.
func (u *upload) empty() error {
	if u.offset > 0 || u.appends {
		return nil
	}
	size, err := u.file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return err
	}
	if err := u.file.Truncate(0); err != nil {
		return err
	}
	_, err = u.file.Seek(0, io.SeekStart)
	return err
}

func (u *upload) move(t *transfer) error {
	t.watch(u.file)
	if err := u.empty(); err != nil {
		return err
	}
	switch {
	case u.appends:
		return u.append(t)
	case t.ascii:
		return t.conn.server.buffers.Copy(u.file, t.reader())
	}
	return t.pump(move.Upload(u.file, t.data))
}

// append appends what the client sends, as much as a block holds in one piece: others may
// append at the same time.
func (u *upload) append(t *transfer) error {
	r, buffers := t.reader(), &t.conn.server.buffers
	block := buffers.FullBlock()
	defer buffers.PutBlock(block)
	for {
		n, err := io.ReadFull(r, block)
		ended := err == io.EOF || err == io.ErrUnexpectedEOF
		switch {
		case err != nil && !ended:
			return err
		case ended:
			if err := t.confirm(); err != nil {
				return err
			}
		}
		if n > 0 {
			if _, err := u.file.Write(block[:n]); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}

// end completes the upload, unless there is an error. What closing says counts:
// some file systems report a lack of space only then.
func (u *upload) end(err error) error {
	if err != nil {
		closeWithError(u.file, err)
		return err
	}
	return u.file.Close()
}

// closeWithError closes a file that is not complete.
func closeWithError(f File, err error) {
	if f, ok := f.(interface{ CloseWithError(error) error }); ok {
		_ = f.CloseWithError(err)
		return
	}
	f.Close()
}
