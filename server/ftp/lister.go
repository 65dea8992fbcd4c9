package ftp

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
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
	g := &listing{ctx: ctx, conn: c, session: session, walk: w, lister: l, now: time.Now()}
	switch {
	case w.dir == "":
		return l.line(w.format(l.buf.b, w.name, w.info, g.now))
	case len(w.patterns) > 0:
		return g.expand(w.dir, w.prefix, w.patterns)
	}
	return g.list(folder{dir: w.dir, prefix: w.prefix, shown: "."})
}

// A listing is a walk on its way.
type listing struct {
	*walk
	ctx     context.Context
	conn    *Conn
	session Session
	lister  *lister
	now     time.Time
}

// A folder is one that a listing comes to.
type folder struct {
	dir     string // absolute
	prefix  string // of names in it
	shown   string // how it is called, with LIST -R
	pattern string // that names have to match, if not empty
	depth   int    // below where LIST -R began
}

// expand lists what matches patterns, one for each part of a name below dir. It goes
// into folders and follows no links on its way: through links that lead back, there
// would be no end of names.
func (g *listing) expand(dir, prefix string, patterns []string) error {
	if len(patterns) == 1 {
		return g.list(folder{dir: dir, prefix: prefix, shown: ".", pattern: patterns[0]})
	}
	return g.each(dir, func(info fs.FileInfo) error {
		name := info.Name()
		if !info.IsDir() || !matchName(patterns[0], name) || strings.ContainsAny(name, unspeakable) {
			return nil
		}
		return g.tolerate(g.expand(path.Join(dir, name), prefix+name+"/", patterns[1:]))
	})
}

// list lists the entries of a folder, and what is below with LIST -R.
func (g *listing) list(f folder) error {
	var dirs []string
	err := g.each(f.dir, func(info fs.FileInfo) error {
		name := info.Name()
		if f.pattern != "" && !matchName(f.pattern, name) {
			return nil
		}
		if g.recursive && info.IsDir() && f.depth < maxDepth && !strings.ContainsAny(name, unspeakable) {
			dirs = append(dirs, name)
		}
		return g.lister.line(g.format(g.lister.buf.b, f.prefix+name, info, g.now))
	})
	if err != nil {
		return err
	}
	for _, name := range dirs {
		sub := f
		sub.dir, sub.shown, sub.depth = path.Join(f.dir, name), f.shown+"/"+name, f.depth+1
		heading := append(appendName(append(g.lister.buf.b, "\r\n"...), sub.shown), ":\r\n"...)
		if err := g.lister.line(heading); err != nil {
			return err
		}
		if err := g.tolerate(g.list(sub)); err != nil {
			return err
		}
	}
	return nil
}

// each calls f for the entries of a folder.
func (g *listing) each(dir string, f func(fs.FileInfo) error) error {
	for info, err := range g.session.List(g.ctx, dir) {
		if err != nil {
			return &folderError{err}
		}
		if g.ctx.Err() != nil {
			return context.Cause(g.ctx)
		}
		if err := f(info); err != nil {
			return err
		}
	}
	return nil
}

// tolerate lets a listing go on without a folder below it that may not be read, or
// that has gone meanwhile.
func (g *listing) tolerate(err error) error {
	var unread *folderError
	if !errors.As(err, &unread) || g.ctx.Err() != nil {
		return err
	}
	if _, known := replyTo(err); !known {
		return err
	}
	return nil
}

// folderError is the error of a folder, not of what a listing is written to.
type folderError struct{ error }

func (e *folderError) Unwrap() error { return e.error }
