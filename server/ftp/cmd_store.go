package ftp

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
)

// RFC 959 section 4.1.3: uploads.
var _ = register(map[string]*command{
	"STOR": {(*Conn).cmdStor, needArg, "name"},
	"APPE": {(*Conn).cmdAppe, needArg, "name"},
	"STOU": {(*Conn).cmdStou, 0, "[name]"},
})

func (c *Conn) cmdStor(arg string) error {
	offset := c.takeOffset()
	flag := os.O_WRONLY | os.O_CREATE
	if offset == 0 {
		flag |= os.O_TRUNC
	}
	return c.store("STOR", arg, offset, flag)
}

// cmdAppe creates the file if there is none, and ignores REST.
func (c *Conn) cmdAppe(arg string) error {
	c.takeOffset()
	return c.store("APPE", arg, toEnd, os.O_WRONLY|os.O_CREATE)
}

// toEnd is the offset of APPE.
const toEnd = -1

// cmdStou stores under a new name, which the replies tell in the form of RFC
// 1123 section 4.1.2.9.
func (c *Conn) cmdStou(arg string) error {
	c.takeOffset()
	if arg == "" {
		arg = "upload"
	}
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	if err := c.dataReady(); err != nil {
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
		u := &upload{file: file, name: unique}
		return c.startUpload("STOU", u, "FILE: "+path.Base(unique))
	}
	return &Error{553, "No unique name is free"}
}

func (c *Conn) store(verb, arg string, offset int64, flag int) error {
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	if name == "/" {
		return errBadName
	}
	if err := c.dataReady(); err != nil {
		return err
	}
	u, err := c.openUpload(name, offset, flag)
	if err != nil {
		return err
	}
	return c.startUpload(verb, u, c.opening(arg, -1))
}

// An upload is a file that is being received.
type upload struct {
	file    File
	name    string // of the target
	partial string // what is written to in its place, if uploads are atomic
	offset  int64
	release func() // gives partial back
}

func (c *Conn) openUpload(name string, offset int64, flag int) (*upload, error) {
	u := &upload{name: name}
	if c.server.AtomicUploads {
		if err := c.choosePartial(u, offset); err != nil {
			return nil, err
		}
	}
	target := name
	if u.partial != "" {
		target = u.partial
	}
	file, err := c.state.session.OpenFile(c.ctx, target, flag)
	if err != nil {
		u.done()
		return nil, err
	}
	u.file = file
	switch {
	case offset == toEnd:
		u.offset, err = file.Seek(0, io.SeekEnd)
	case offset > 0:
		u.offset, err = file.Seek(offset, io.SeekStart)
	}
	if err != nil {
		u.done()
		file.Close()
		return nil, err
	}
	return u, nil
}

func (c *Conn) startUpload(verb string, u *upload, opening string) error {
	session := c.state.session
	return c.startTransfer(transfer{
		verb: verb, path: u.name, direction: Upload, offset: u.offset, size: -1, opening: opening,
		file:   u.file,
		move:   func(s *stream) error { return s.upload(u.file) },
		finish: func(err error) error { return u.finish(c, session, err) },
	})
}

// finish closes the file and, if all of it has come, puts it in its place.
// What closing says counts: some file systems report a lack of space only then.
func (u *upload) finish(c *Conn, session Session, err error) error {
	defer u.done()
	if err != nil {
		if f, ok := u.file.(interface{ CloseWithError(error) error }); ok {
			f.CloseWithError(err)
		} else {
			u.file.Close()
		}
		return err
	}
	if u.partial != "" && u.offset > 0 {
		err = u.cut()
	}
	if cerr := u.file.Close(); err == nil {
		err = cerr
	}
	if err == nil && u.partial != "" {
		err = session.Rename(c.ctx, u.partial, u.name)
	}
	return err
}

func (u *upload) done() {
	if u.release != nil {
		u.release()
	}
}
