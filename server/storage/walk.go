package storage

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// maxLinks is how many symbolic links a name may go through, as on Linux.
	maxLinks = 40
	// maxPassed bounds what a walk remembers of its way, in identities.
	maxPassed = 16_384
	// maxPath is how long a name may be in bytes, as on Linux.
	maxPath = 4096
)

// A Place is where a name leads, as it was walked from the top of the tree,
// part by part: a folder that is open is left only for what is in it or for
// the folder that it was entered from.
type Place struct {
	// Name is the real name: absolute, and without links, dots and doubled
	// slashes. Its last part may be a link that was not followed, or missing.
	// If the walk ended with an error, it is that of the part that failed.
	Name string
	// IDs are the identities of the top and of the parts of Name, in order.
	// What is missing has none.
	IDs []ID
	// Passed are the places that the walk went through and that are no part of
	// Name, in order: links that were followed, and folders that ".." or a link
	// led out of.
	Passed []Place
}

// Exists reports whether there is something at the place.
func (p *Place) Exists() bool { return len(p.IDs) == depth(p.Name)+1 }

// ID is the identity of what is there, or the zero ID.
func (p *Place) ID() ID {
	if !p.Exists() {
		return ID{}
	}
	return p.IDs[len(p.IDs)-1]
}

// Parent is the place of the folder that holds this one.
func (p *Place) Parent() Place {
	parent := Place{Name: path.Dir(p.Name), Passed: p.Passed}
	parent.IDs = p.IDs[:min(len(p.IDs), depth(parent.Name)+1)]
	return parent
}

// depth is the number of parts of a clean absolute name.
func depth(name string) int {
	if name == "/" {
		return 0
	}
	return strings.Count(name, "/")
}

// Resolve implements [FS].
func (l *Local) Resolve(name string, follow bool) (Place, error) {
	w, err := l.walk(name, follow)
	defer w.close()
	return w.Place, named("resolve", name, err)
}

// Realpath implements [FS].
func (l *Local) Realpath(name string) (string, error) {
	place, err := l.Resolve(name, true)
	if err != nil {
		return "", named("realpath", name, err)
	}
	return place.Name, nil
}

// A walk is a place, and the folders that are open there.
type walk struct {
	Place
	tree   *Local
	at     int    // what the walk has come to; -1 if nothing is there
	parent int    // the folder that at is a part of, where it is known; else -1
	base   string // the last part of Name, where parent is known
	slash  bool   // the name ended with a slash: a folder is meant
	rest   string // what is still to be walked
	given  int    // how many bytes at the end of rest are the caller's, and of no link
	links  int    // that were followed
	passed int    // identities in Passed
	held   bool   // the tree is, by this walk
}

// walk walks name. A link in the last part is followed if follow says so. What
// the walk holds is to be closed, also after an error.
func (l *Local) walk(name string, follow bool) (*walk, error) {
	w := &walk{tree: l, at: -1, parent: -1, rest: name, given: len(name)}
	w.Name = path.Clean("/" + name) // until more is known
	if err := checkName(name); err != nil {
		return w, err
	}
	if !l.top.hold() {
		return w, fs.ErrClosed
	}
	w.held, w.at = true, l.top.fd
	id, _, err := identify(w.at)
	if err != nil {
		return w, err
	}
	w.Name, w.IDs = "/", []ID{id}
	for w.rest != "" {
		if err := w.step(follow); err != nil {
			if part, _, _ := strings.Cut(w.rest, "/"); part != ".." {
				w.Name = path.Join(w.Name, part)
			}
			return w, err
		}
	}
	return w, nil
}

// step walks one part of the rest.
func (w *walk) step(follow bool) error {
	part, rest, more := strings.Cut(w.rest, "/")
	switch part {
	case "", ".":
		w.rest = rest
		return nil
	case "..":
		if err := w.up(); err != nil {
			return err
		}
		w.rest = rest
		return nil
	}
	last := strings.Trim(rest, "/") == ""
	fd, err := openat(w.at, part, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ENOENT) && last {
		w.enter(-1, part)
		w.rest, w.slash = "", more
		return nil
	}
	if err != nil {
		return err
	}
	id, kind, err := identify(fd)
	switch {
	case err != nil:
	case kind == unix.S_IFLNK && (!last || follow):
		if err = w.pass(part, id); err == nil {
			err = w.follow(fd, rest, more)
		}
		release(fd)
		return err
	case kind != unix.S_IFDIR && more:
		err = unix.ENOTDIR
	}
	if err != nil {
		release(fd)
		return err
	}
	w.enter(fd, part)
	w.IDs = append(w.IDs, id)
	if w.rest = rest; last {
		w.rest, w.slash = "", more
	}
	return nil
}

// enter goes on to a part of the folder that the walk is at.
func (w *walk) enter(fd int, part string) {
	w.closeFD(w.parent)
	w.parent, w.at, w.base = w.at, fd, part
	w.Name = path.Join(w.Name, part)
}

// up goes back to the folder that holds the one that the walk is at. At the
// top it stays, unless it is a link that leads out. A folder that somebody has
// moved meanwhile is not left.
func (w *walk) up() error {
	if w.Name == "/" {
		if len(w.rest) > w.given {
			return unix.EACCES
		}
		return nil
	}
	fd, err := openat(w.at, "..", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	id, _, err := identify(fd)
	if err == nil && id != w.IDs[len(w.IDs)-2] {
		err = unix.ENOENT
	}
	if err != nil {
		release(fd)
		return err
	}
	if err := w.pass("", ID{}); err != nil {
		release(fd)
		return err
	}
	w.leave(fd)
	w.Name, w.IDs = path.Dir(w.Name), w.IDs[:len(w.IDs)-1]
	return nil
}

// pass notes that the walk leaves the folder that it is at or, with a part, that
// it follows that link in it.
func (w *walk) pass(part string, id ID) error {
	p := Place{Name: w.Name, IDs: slices.Clone(w.IDs)}
	if part != "" {
		p.Name, p.IDs = path.Join(w.Name, part), append(p.IDs, id)
	}
	if w.passed += len(p.IDs); w.passed > maxPassed {
		return unix.ELOOP
	}
	w.Passed = append(w.Passed, p)
	return nil
}

// leave goes to a folder whose own folder is not open.
func (w *walk) leave(fd int) {
	w.closeFD(w.parent)
	w.closeFD(w.at)
	w.parent, w.at, w.base = -1, fd, ""
}

// follow puts the target of a link in the place of its name. fd is the link.
func (w *walk) follow(fd int, rest string, more bool) error {
	if w.links++; w.links > maxLinks || w.tree.noLinks {
		return unix.ELOOP
	}
	target, err := readlinkat(fd, "")
	if err != nil {
		return err
	}
	if target == "" {
		return unix.ENOENT
	}
	if path.IsAbs(target) {
		target = w.tree.fromTop(target)
		w.leave(w.tree.top.fd)
		w.Name, w.IDs = "/", w.IDs[:1:1]
	}
	w.given = min(w.given, len(rest))
	if w.rest = target; more {
		w.rest += "/" + rest
	}
	return nil
}

// fromTop returns an absolute target of a link as one from the top of the
// tree. A link that was not made through a protocol may hold the whole path on
// the host.
func (l *Local) fromTop(target string) string {
	for _, home := range l.paths {
		if rest, ok := strings.CutPrefix(target, home); ok && (rest == "" || rest[0] == '/') {
			return "/" + rest
		}
	}
	return target
}

func (w *walk) closeFD(fd int) {
	if fd >= 0 && fd != w.tree.top.fd {
		release(fd)
	}
}

// close releases what the walk holds.
func (w *walk) close() {
	if !w.held {
		return
	}
	w.closeFD(w.parent)
	w.closeFD(w.at)
	w.tree.top.drop()
}

// take returns what the walk has come to, open, and leaves it to the caller.
func (w *walk) take() (int, error) {
	if w.at == w.tree.top.fd {
		return unix.FcntlInt(uintptr(w.at), unix.F_DUPFD_CLOEXEC, 0)
	}
	fd := w.at
	w.at = -1
	return fd, nil
}
