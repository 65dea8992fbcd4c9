package ftp

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"syscall"
)

// COMB joins files, for clients that upload parts at the same time; AVBL
// (draft-peterson-streamlined-ftp-command-extensions) and DSIZ tell sizes.
var _ = register(map[string]*command{
	"COMB": {(*Conn).cmdComb, needArg, `"target" "part" ...`},
	"AVBL": {(*Conn).cmdAvbl, isName, "[name]"},
	"DSIZ": {(*Conn).cmdDsiz, isName, "[name]"},
})

// cmdComb appends parts to a target, and removes each when all are joined.
func (c *Conn) cmdComb(arg string) error {
	names, ok := splitQuoted(arg)
	if !ok || len(names) < 2 {
		return errSyntax
	}
	session := c.state.session
	var known []fs.FileInfo // what the names are of, which is looked at before anything is written
	for i := range names {
		var err error
		if names[i], err = c.resolve(names[i]); err != nil {
			return err
		}
		info, err := session.Stat(c.ctx, names[i])
		switch {
		case i > 0 && names[i] == names[0]:
			return errOneFile
		case i == 0 && err != nil:
			continue // it will be made
		case err != nil:
			return err
		case i > 0 && info.IsDir():
			return syscall.EISDIR
		case slices.ContainsFunc(known, func(other fs.FileInfo) bool { return sameFile(info, other) }):
			return errOneFile
		}
		known = append(known, info)
	}
	j := &job{verb: "COMB", path: names[0], size: -1, pace: c.limits().pace(Upload)}
	return c.startWork(j, func() (*Error, error) {
		if err := c.combine(j, session, names[0], names[1:]); err != nil {
			return nil, err
		}
		for _, part := range names[1:] {
			if err := session.Remove(j.ctx, part); err != nil {
				return nil, err
			}
		}
		return &Error{250, "Parts joined"}, nil
	})
}

var errOneFile = &Error{553, "Two of these names are of one file"}

// sameFile reports whether two names are of one file, as links are.
func sameFile(a, b fs.FileInfo) bool {
	id := appendUnique(nil, a)
	return os.SameFile(a, b) || len(id) > 0 && string(id) == string(appendUnique(nil, b))
}

// combine appends the parts to the target.
func (c *Conn) combine(j *job, session Session, target string, parts []string) error {
	// A target that is new begins with the first part, and with nothing that an
	// upload has left.
	out, err := session.OpenFile(j.ctx, target, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if errors.Is(err, fs.ErrExist) {
		out, err = session.OpenFile(j.ctx, target, os.O_WRONLY|os.O_CREATE|os.O_APPEND)
	}
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := c.appendPart(j, session, out, part); err != nil {
			closeWithError(out, err)
			return err
		}
	}
	return out.Close()
}

// appendPart appends as much of a part as there is now, so that one that grows meanwhile
// has an end.
func (c *Conn) appendPart(j *job, session Session, out File, part string) error {
	in, err := session.OpenFile(j.ctx, part, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := statOpen(j.ctx, session, in, part)
	if err != nil {
		return err
	}
	// What is open is decided on again: a name may have changed meanwhile.
	if f, ok := out.(statter); ok {
		if target, err := f.Stat(); err == nil && sameFile(info, target) {
			return errOneFile
		}
	}
	return c.server.buffers.Copy(out, &jobReader{j, io.LimitReader(in, info.Size())})
}

func (c *Conn) cmdAvbl(name string) error {
	s, ok := c.state.session.(spaceReporter)
	if !ok {
		return &Error{502, "The space is not known"}
	}
	n, err := s.Available(c.ctx, name)
	return c.answer(err, 213, strconv.FormatInt(n, 10))
}

// cmdDsiz tells the size of a directory and all below.
func (c *Conn) cmdDsiz(name string) error {
	session := c.state.session
	info, err := session.Stat(c.ctx, name)
	if err != nil {
		return err
	}
	j := &job{verb: "DSIZ", path: name, size: -1}
	return c.startWork(j, func() (*Error, error) {
		total := info.Size()
		var err error
		if info.IsDir() {
			total, err = newListing(j.ctx, &walk{session: session}).size(name, 0)
		}
		return errorf(213, "%d", total), err
	})
}

// size returns how large the files in a folder and below are.
func (g *listing) size(dir string, depth int) (total int64, err error) {
	count := func(info fs.FileInfo) error {
		if !info.IsDir() {
			total += info.Size()
		}
		return nil
	}
	wanted := func(info fs.FileInfo) bool { return info.IsDir() && depth < maxDepth }
	err = g.below(dir, count, wanted, func(name string) error {
		n, err := g.size(path.Join(dir, name), depth+1)
		total += n
		return err
	})
	return total, err
}
