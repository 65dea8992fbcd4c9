package ftp

import (
	"errors"
	"time"
)

// A transfer of a small file whose data connection has come already is done by
// the control goroutine itself, and Go's runtime never learns of that connection:
// most of what a small file costs is the waking of threads. Should the client not
// take or give the data at once, after all, or give a lot, the rest is done as for
// any other transfer.
const (
	quickSize = 64 << 10
	quickTime = 20 * time.Millisecond
)

// errSlow ends a quick attempt.
var errSlow = errors.New("ftp: not so quick")

// tryQuick does the transfer, or returns false without having done anything.
func (r *running) tryQuick() bool {
	w, passive := r.src.(*passiveWait)
	s := r.stream
	if !passive || !w.first || r.protected || r.file == nil || r.appends || osFile(r.file) == nil ||
		r.direction == Download && (r.size < 0 || r.size-r.offset > quickSize) ||
		s.ascii || s.deflate || len(s.limiters) > 0 || r.conn.server.WrapData != nil {
		return false
	}
	if file := osFile(r.file); r.direction == Download && !canReadNow(file, r.offset, r.size-r.offset) ||
		r.direction == Upload && !canWriteNow(file) {
		return false
	}
	raw := w.take()
	if raw == nil {
		return false
	}
	s.quick = true
	r.conn.beginJob(s.job)
	r.conn.expectMore()
	if r.direction == Upload {
		r.quickUpload(raw)
	} else {
		r.quickDownload(raw)
	}
	return true
}

func (r *running) quickDownload(raw *rawConn) {
	r.conn.reply(150, r.opening) // while the client wakes up, the file is sent
	r.quickEnd(raw, func() (int64, error) { return raw.send(osFile(r.file)) })
}

func (r *running) quickUpload(raw *rawConn) {
	r.conn.reply(150, r.opening) // the client waits for it
	r.quickEnd(raw, func() (int64, error) {
		if err := r.begin(); err != nil {
			return 0, err
		}
		return raw.receive(r.file)
	})
}

func (r *running) quickEnd(raw *rawConn, move func() (int64, error)) {
	c, j := r.conn, r.stream.job
	err := r.try(func() error {
		n, err := move()
		j.bytes.Add(n)
		return err
	})
	if errors.Is(err, errSlow) {
		r.goOn(raw)
		return
	}
	raw.close()
	c.endJob(j, r.complete(err))
}

// goOn does what is left as for any other transfer.
func (r *running) goOn(raw *rawConn) {
	c, j := r.conn, r.stream.job
	r.stream.quick = false
	conn, err := raw.conn()
	if err == nil {
		err = j.attach(conn)
		r.stream.data = &dataConn{Conn: conn, raw: conn}
	}
	go c.runJob(j, func(*job) *Error {
		return r.complete(r.try(func() error {
			if err != nil {
				return err
			}
			return r.move(r.stream)
		}))
	})
}
