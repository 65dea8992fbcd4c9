package sftp

import (
	"context"
	"sync/atomic"
	"time"
)

// The memory that one user can have the server use is bounded, with any number
// of connections and channels, and each connection's as well. In bytes, of a
// connection and of a user:
//
//	received and not used   12 MiB   64 MiB   inflow: nothing more is received
//	in buffers               8 MiB   64 MiB   Conn.buffer: requests wait
//	of what is open          8 MiB   32 MiB   Conn.hold: refused, or done in parts
//
// Besides that, a connection takes some 100 KiB, and a channel 20 KiB.
const (
	maxBuffered     = 8 << 20
	maxBufferedUser = 64 << 20
	maxHeld         = 8 << 20
	maxHeldUser     = 32 << 20
)

// budgets are what a connection has taken of the bounds above.
type budgets struct {
	buffered atomic.Int64
	held     atomic.Int64
	weight   atomic.Int64 // of handles
	files    atomic.Int64 // descriptors of what is open
}

// take takes n of two budgets, and returns false if one has not as much left.
func take(n int64, of *atomic.Int64, limit int64, all *atomic.Int64, limitOfAll int64) bool {
	if of.Add(n) > limit {
		of.Add(-n)
		return false
	}
	if all.Add(n) > limitOfAll {
		all.Add(-n)
		of.Add(-n)
		return false
	}
	return true
}

// budgetPause is how long it takes to see whether a buffer was given back.
const budgetPause = 2 * time.Millisecond

// buffer waits until size bytes may be used for a packet or a piece of a file.
// They are given back with unbuffer. Whoever has some takes no more, but for a
// client that makes its requests longer than they have to be: so nobody else
// waits for somebody who waits.
func (c *Conn) buffer(ctx context.Context, size int) error {
	for !take(int64(size), &c.budgets.buffered, maxBuffered, &c.account.buffered, maxBufferedUser) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(budgetPause):
		}
	}
	return nil
}

func (c *Conn) unbuffer(size int) {
	c.budgets.buffered.Add(-int64(size))
	c.account.buffered.Add(-int64(size))
}

// getBuffer waits for a buffer of size bytes or more. It is given back with
// putBuffer.
func (c *Conn) getBuffer(ctx context.Context, size int) (*[]byte, error) {
	if err := c.buffer(ctx, bufferSize(size)); err != nil {
		return nil, err
	}
	return getBuffer(size), nil
}

func (c *Conn) putBuffer(b *[]byte) {
	c.unbuffer(len(*b))
	putBuffer(b)
}

// hold reports whether n bytes may be kept from one request to the next. They
// are given back with unhold.
func (c *Conn) hold(n int) bool {
	return take(int64(n), &c.budgets.held, maxHeld, &c.account.held, maxHeldUser)
}

func (c *Conn) unhold(n int) {
	c.budgets.held.Add(-int64(n))
	c.account.held.Add(-int64(n))
}

// A kind is what a client can have open.
type kind struct {
	weight      int // in Limits.MaxHandles
	descriptors int
	bytes       int
}

var (
	kindFile   = kind{1, 1, 1 << 10}
	kindFolder = kind{16, 2, 64 << 10}
)

// reserve counts a file or folder that is about to be opened, or returns why
// it may not be. It is counted until release is called.
func (c *Conn) reserve(k kind) error {
	l := c.limits()
	handles := c.budgets.weight.Add(int64(k.weight))
	if l.MaxHandles > 0 && handles > int64(l.MaxHandles) {
		c.budgets.weight.Add(-int64(k.weight))
		return Errorf(StatusFailure, "Too many open files: %d is the limit of a connection, and a folder counts as %d", l.MaxHandles, kindFolder.weight)
	}
	if !c.hold(k.bytes) {
		c.budgets.weight.Add(-int64(k.weight))
		return errTooManyFiles
	}
	n := int64(k.descriptors)
	c.budgets.files.Add(n)
	user, all := c.account.files.Add(n), c.server.files.Add(n)
	c.activity.handles.Add(1)
	if l.MaxUserFiles > 0 && user > int64(l.MaxUserFiles) || l.MaxFiles > 0 && all > int64(l.MaxFiles) {
		c.release(k)
		return errTooManyFiles
	}
	return nil
}

var errTooManyFiles = &Error{StatusFailure, "Too many open files, try again later"}

func (c *Conn) release(k kind) {
	n := int64(k.descriptors)
	c.activity.handles.Add(-1)
	c.budgets.files.Add(-n)
	c.server.files.Add(-n)
	c.account.files.Add(-n)
	c.unhold(k.bytes)
	c.budgets.weight.Add(-int64(k.weight))
}

// giveBack gives back what the connection has taken and not given back, because
// something has panicked in between. Nothing of the connection runs any more.
func (c *Conn) giveBack() {
	c.unbuffer(int(c.budgets.buffered.Load()))
	c.unhold(int(c.budgets.held.Load()))
	files := c.budgets.files.Swap(0)
	c.account.files.Add(-files)
	c.server.files.Add(-files)
}
