package sftp

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

const (
	// maxAhead bounds the replies that wait for the client to read them.
	maxAhead = 32
	// maxAheadBytes bounds what is read from files ahead of the client.
	maxAheadBytes = 1 << 20
)

// replies send replies in the order of their requests.
type replies struct {
	ch    *channel
	queue chan *pending
	ended chan struct{}

	left atomic.Int64 // replies in the queue, or being sent from there
	held []byte       // a reply that whoever serves requests sends

	mu    sync.Mutex
	room  sync.Cond
	ahead int // bytes of reads in the queue
	err   error
}

// A pending reply is complete when ready is closed; one without ready is.
type pending struct {
	packet []byte
	ready  chan struct{}
	buffer *[]byte // of getBuffer, behind packet
	size   int     // counted in ahead
	room   int     // that was taken with Conn.buffer
	data   int     // how much of packet is of a file
}

func (o *replies) start(ch *channel) {
	o.ch = ch
	o.room.L = &o.mu
	o.queue = make(chan *pending, maxAhead)
	o.ended = make(chan struct{})
	go o.run()
}

// stop sends what is complete, and ends.
func (o *replies) stop() {
	close(o.queue)
	<-o.ended
}

// send queues a reply that is complete. It fails if replies cannot be sent.
func (o *replies) send(packet []byte) error {
	p := &pending{packet: packet}
	if len(packet) > smallPacket {
		p.room = len(packet)
		if err := o.ch.conn.buffer(o.ch.ctx, p.room); err != nil {
			return err
		}
	}
	return o.enqueue(p)
}

// hold keeps a reply that is complete for sendHeld, if it is small and no other is
// before it. Most requests wait for the reply of the one before: theirs is sent
// without waking anybody for it, once nothing is being served any more.
func (o *replies) hold(packet []byte) bool {
	if len(packet) >= smallPacket || o.left.Load() > 0 {
		return false
	}
	o.held = packet
	o.ch.conn.activity.replies.Add(1)
	return true
}

// sendHeld sends the reply that is held, if one is.
func (o *replies) sendHeld() {
	if o.held != nil {
		o.write(o.held)
		o.held = nil
		o.ch.conn.activity.replies.Add(-1)
	}
}

// reserve queues a reply of up to size bytes of data that is complete once its
// ready is closed. It waits until there is room for it.
func (o *replies) reserve(size int) (*pending, error) {
	o.mu.Lock()
	for o.err == nil && o.ahead > 0 && o.ahead+size > maxAheadBytes {
		o.room.Wait()
	}
	o.ahead += size
	o.mu.Unlock()
	p := &pending{ready: make(chan struct{}), size: size, room: bufferSize(dataHead + size)}
	if err := o.ch.conn.buffer(o.ch.ctx, p.room); err != nil {
		return nil, err
	}
	return p, o.enqueue(p)
}

func (o *replies) enqueue(p *pending) error {
	o.mu.Lock()
	err := o.err
	o.mu.Unlock()
	if err != nil {
		o.ch.conn.unbuffer(p.room)
		return err
	}
	o.left.Add(1)
	o.ch.conn.activity.replies.Add(1)
	o.queue <- p
	return nil
}

func (o *replies) run() {
	defer close(o.ended)
	defer func() {
		if v := recover(); v != nil {
			o.ch.conn.failed("sending replies", v)
			o.fail(errNotSent)
			for p := range o.queue {
				o.release(p)
			}
		}
	}()
	var batch []byte // small replies, which go in one packet of SSH
	var batched int64
	flush := func() {
		o.write(batch)
		o.sent(batched)
		batch, batched = batch[:0], 0
	}
	for p := range o.queue {
		if !p.complete() {
			flush()
			<-p.ready
		}
		if p.data > 0 {
			flush()
			// An error means that the session ends, which writing tells too.
			_ = o.ch.conn.moved(o.ch.ctx, Download, p.data)
		}
		if len(p.packet) < smallPacket {
			batch = append(batch, p.packet...)
			batched++
		} else {
			flush()
			o.write(p.packet)
			o.sent(1)
		}
		o.release(p)
		if len(o.queue) == 0 || len(batch) > sendChunk-smallPacket {
			flush()
		}
	}
}

func (o *replies) sent(n int64) {
	o.left.Add(-n)
	o.ch.conn.activity.replies.Add(-n)
}

func (p *pending) complete() bool {
	if p.ready == nil {
		return true
	}
	select {
	case <-p.ready:
		return true
	default:
		return false
	}
}

// write writes to the channel, unless that has failed before.
func (o *replies) write(b []byte) {
	if len(b) == 0 || o.err != nil {
		return
	}
	if err := o.ch.write(b); err != nil {
		o.fail(err)
	}
}

var errNotSent = errors.New("sftp: a reply could not be sent")

func (o *replies) fail(err error) {
	if errors.Is(err, io.EOF) {
		err = errNotSent
	}
	o.mu.Lock()
	o.err = err
	o.room.Broadcast()
	o.mu.Unlock()
}

func (o *replies) release(p *pending) {
	if p.buffer != nil {
		putBuffer(p.buffer)
		p.buffer = nil
	}
	o.ch.conn.unbuffer(p.room)
	if p.size > 0 {
		o.mu.Lock()
		o.ahead -= p.size
		o.room.Broadcast()
		o.mu.Unlock()
	}
}
