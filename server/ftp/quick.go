package ftp

import (
	"errors"
	"time"
)

// A transfer of a small file whose data connection is there already is done by
// the control goroutine itself, which costs much less than a goroutine for it;
// both replies to a download are one packet then. Should the client not take or
// give the data at once, after all, or give a lot, the rest is done as for any
// other transfer.
const (
	quickSize = 64 << 10
	quickTime = 20 * time.Millisecond
)

// errSlow ends a quick attempt.
var errSlow = errors.New("ftp: not so quick")

func (r *running) isQuick() bool {
	w, passive := r.src.(*passiveWait)
	s := r.stream
	return r.quick && passive && w.first && len(w.conns) > 0 && r.size-r.offset <= quickSize &&
		!r.protected && !s.ascii && !s.deflate && len(s.limiters) == 0
}

func (r *running) runQuick() {
	c, s := r.conn, r.stream
	c.beginJob(s.job)
	upload := r.direction == Upload
	if upload { // the client waits for it
		c.reply(150, r.opening)
	}
	err := r.connect()
	if err == nil {
		s.quick = true
		err = r.move(s)
		s.quick = false
	}
	if errors.Is(err, errSlow) {
		if !upload {
			c.reply(150, r.opening)
		}
		go c.runJob(s.job, func(*job) *Error { return r.complete(r.move(s)) })
		return
	}
	final := r.complete(err)
	if upload {
		c.endJob(s.job, func() { c.send(final.Code, final.Text) })
		return
	}
	c.state.code = 150
	c.endJob(s.job, func() { c.sendTwo(&Error{150, r.opening}, final) })
}
