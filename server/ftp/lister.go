package ftp

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/lsformat"
)

// A lister puts lines of a listing together and writes them in large pieces,
// so that a directory of any size takes little memory.
type lister struct {
	w io.Writer
	b []byte
}

func (l *lister) flush() error {
	if len(l.b) == 0 {
		return nil
	}
	_, err := l.w.Write(l.b)
	l.b = l.b[:0]
	return err
}

// line takes the buffer with a line appended to it.
func (l *lister) line(b []byte) error {
	const piece = 32 << 10
	l.b = b
	if len(b) < piece {
		return nil
	}
	return l.flush()
}

// maxDepth bounds LIST -R, for file systems with loops.
const maxDepth = 64

func (c *Conn) writeListing(ctx context.Context, w *walk, l *lister) error {
	g := newListing(ctx, w)
	g.lister, g.fruitless = l, c.limits().StallTimeout
	switch {
	case w.dir == "":
		return l.line(w.format(l.b, w.name, w.info, g.now))
	case len(w.patterns) > 0:
		return g.expand(w.dir, w.prefix, w.patterns)
	}
	return g.list(folder{dir: w.dir, prefix: w.prefix, shown: "."})
}

// A listing is a walk on its way.
type listing struct {
	*walk
	ctx       context.Context
	lister    *lister
	now       time.Time
	fruitless time.Duration // how long it may find nothing, if not 0
	found     time.Time     // when it last found something
	entries   int           // that it has seen
	room      int           // bytes of names that it may still keep
}

func newListing(ctx context.Context, w *walk) *listing {
	now := time.Now()
	return &listing{walk: w, ctx: ctx, now: now, found: now, room: namesRoom}
}

const (
	// namesRoom is how many bytes of names a listing keeps, which are those of
	// folders that it is to go into, and nameCost what one takes besides its bytes.
	namesRoom, nameCost = 1 << 20, 64
)

// errFruitless ends a listing that goes through a large tree, without the client
// getting anything of it: there are patterns that match nothing in it.
var errFruitless = &Error{451, "Nothing was found for too long"}

// below calls each, if it is not nil, for all entries of a folder, and then enter for
// the folders in it that are wanted. The folder is closed by then, so that a deep tree
// takes no more descriptors than one folder. Names are kept as far as there is room:
// for the rest, the folder is gone through again. That is where other entries lie now
// if it has changed meanwhile.
func (g *listing) below(dir string, each func(fs.FileInfo) error, wanted func(fs.FileInfo) bool, enter func(name string) error) error {
	full := errors.New("no room for more names")
	for entered, again := 0, false; ; again = true {
		var names []string
		kept, seen, left := 0, 0, false
		err := g.each(dir, func(info fs.FileInfo) error {
			if each != nil && !again {
				if err := each(info); err != nil {
					return err
				}
			}
			if left || !wanted(info) {
				return nil
			}
			if seen++; seen <= entered {
				return nil
			}
			// Folders further below need some of the room, too.
			cost := len(info.Name()) + nameCost
			if left = len(names) > 0 && kept+cost > g.room/2; left {
				if each == nil || again {
					return full
				}
				return nil
			}
			names, kept = append(names, info.Name()), kept+cost
			return nil
		})
		if err != nil && !errors.Is(err, full) {
			return err
		}
		g.room -= kept
		for _, name := range names {
			if err := enter(name); err != nil {
				return err
			}
		}
		g.room += kept
		if entered += len(names); !left {
			return nil
		}
	}
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
	wanted := func(info fs.FileInfo) bool { return enterable(info) && matchName(patterns[0], info.Name()) }
	return g.below(dir, nil, wanted, func(name string) error {
		return g.tolerate(g.expand(path.Join(dir, name), prefix+name+"/", patterns[1:]))
	})
}

// list lists the entries of a folder, and what is below with LIST -R.
func (g *listing) list(f folder) error {
	shown := func(info fs.FileInfo) bool { return f.pattern == "" || matchName(f.pattern, info.Name()) }
	wanted := func(info fs.FileInfo) bool {
		return g.recursive && f.depth < maxDepth && enterable(info) && shown(info)
	}
	line := func(info fs.FileInfo) error {
		if !shown(info) {
			return nil
		}
		g.found = time.Now()
		return g.lister.line(g.format(g.lister.b, f.prefix+info.Name(), info, g.now))
	}
	return g.below(f.dir, line, wanted, func(name string) error {
		sub := f
		sub.dir, sub.shown, sub.depth = path.Join(f.dir, name), f.shown+"/"+name, f.depth+1
		heading := append(lsformat.AppendName(append(g.lister.b, "\r\n"...), sub.shown), ":\r\n"...)
		if err := g.lister.line(heading); err != nil {
			return err
		}
		return g.tolerate(g.list(sub))
	})
}

// enterable reports whether a listing can go into a folder.
func enterable(info fs.FileInfo) bool {
	return info.IsDir() && !strings.ContainsAny(info.Name(), unspeakable)
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
		if g.entries++; g.entries%256 == 0 && g.fruitless > 0 && time.Since(g.found) > g.fruitless {
			return errFruitless
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

// appendListEntry appends a line in the format of ls -l, which is what clients
// parse (RFC 959 leaves it open). Times are UTC.
func appendListEntry(b []byte, name string, info fs.FileInfo, now time.Time) []byte {
	e := lsformat.Entry{
		Mode: info.Mode(), Owner: "ftp", Group: "ftp", Size: info.Size(), ModTime: info.ModTime().UTC(), Name: name,
	}
	if o, ok := info.(owned); ok {
		e.Owner, e.Group = o.Owner(), o.Group()
	}
	if l, ok := info.(linked); ok {
		e.Target = l.LinkTarget()
	}
	return append(e.Append(b, now), '\r', '\n')
}
