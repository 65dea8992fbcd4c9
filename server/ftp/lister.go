package ftp

import (
	"context"
	"io"
	"path"
	"sync"
	"time"
)

// A lister puts lines of a listing together and writes them in large pieces,
// so that a directory of any size takes little memory.
type lister struct {
	w   io.Writer
	buf *listBuffer
}

type listBuffer struct{ b []byte }

const listPiece = 32 << 10

var listBuffers = sync.Pool{New: func() any {
	return &listBuffer{make([]byte, 0, listPiece+4<<10)}
}}

func newLister(w io.Writer) *lister {
	l := &lister{w: w, buf: listBuffers.Get().(*listBuffer)}
	l.buf.b = l.buf.b[:0]
	return l
}

func (l *lister) free() { listBuffers.Put(l.buf) }

func (l *lister) flush() error {
	if len(l.buf.b) == 0 {
		return nil
	}
	_, err := l.w.Write(l.buf.b)
	l.buf.b = l.buf.b[:0]
	return err
}

// line takes the buffer with a line appended to it.
func (l *lister) line(b []byte) error {
	l.buf.b = b
	if len(b) < listPiece {
		return nil
	}
	return l.flush()
}

// maxDepth bounds LIST -R, for file systems with loops.
const maxDepth = 64

func (c *Conn) writeListing(ctx context.Context, session Session, w *walk, l *lister) error {
	now := time.Now()
	if w.dir == "" {
		return l.line(w.format(l.buf.b, w.name, w.info, now))
	}
	pattern := w.pattern
	var below func(dir, shown string, depth int) error
	below = func(dir, shown string, depth int) error {
		var dirs []string
		for info, err := range session.List(ctx, dir) {
			if err != nil {
				return err
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			name := info.Name()
			if c.hidden(name) {
				continue
			}
			if pattern != "" {
				if match, _ := path.Match(pattern, name); !match {
					continue
				}
			}
			if w.recursive && info.IsDir() && depth < maxDepth {
				dirs = append(dirs, name)
			}
			if err := l.line(w.format(l.buf.b, w.prefix+name, info, now)); err != nil {
				return err
			}
		}
		for _, name := range dirs {
			sub := shown + "/" + name
			if err := l.line(append(appendName(append(l.buf.b, "\r\n"...), sub), ":\r\n"...)); err != nil {
				return err
			}
			if err := below(path.Join(dir, name), sub, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return below(w.dir, ".", 0)
}
