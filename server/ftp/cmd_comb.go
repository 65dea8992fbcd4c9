package ftp

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
)

// COMB joins files, for clients that upload parts at the same time; AVBL
// (draft-peterson-streamlined-ftp-command-extensions) and DSIZ tell sizes.
var _ = register(map[string]*command{
	"COMB": {(*Conn).cmdComb, needArg, `"target" "part" ...`},
	"AVBL": {(*Conn).cmdAvbl, 0, "[name]"},
	"DSIZ": {(*Conn).cmdDsiz, 0, "[name]"},
})

// cmdComb appends parts to a target, and removes each when all are joined.
func (c *Conn) cmdComb(arg string) error {
	words, ok := splitQuoted(arg)
	if !ok || len(words) < 2 {
		return errSyntax
	}
	names := make([]string, len(words))
	for i, word := range words {
		name, err := c.resolve(word)
		if err != nil {
			return err
		}
		if i > 0 && name == names[0] {
			return &Error{553, "The target is one of the parts"}
		}
		names[i] = name
	}
	target, parts := names[0], names[1:]
	session := c.state.session
	var known []fs.FileInfo // that no part may be
	if info, err := session.Stat(c.ctx, target); err == nil {
		known = append(known, info)
	}
	for _, part := range parts { // before anything is written
		info, err := session.Stat(c.ctx, part)
		if err != nil {
			return err
		}
		if info.IsDir() {
			return &Error{550, "Is a directory"}
		}
		for _, other := range known {
			if sameFile(info, other) {
				return errOneFile
			}
		}
		known = append(known, info)
	}
	pace := &pacer{&job{verb: "COMB", path: target, size: -1}, c.limits().limiter(Upload)}
	return c.startWork(pace.job, func(j *job) (*Error, error) {
		if err := c.combine(pace, session, target, parts); err != nil {
			return nil, err
		}
		for _, part := range parts {
			if err := session.Remove(j.ctx, part); err != nil {
				return nil, err
			}
		}
		return &Error{250, "Parts joined"}, nil
	})
}

// sameFile reports whether two names are of one file, as links are.
func sameFile(a, b fs.FileInfo) bool {
	if os.SameFile(a, b) {
		return true
	}
	id := appendUnique(nil, a)
	return len(id) > 0 && string(id) == string(appendUnique(nil, b))
}

// combine appends the parts to the target: of each as much as there is when its turn
// comes, so that a part that grows meanwhile has an end.
func (c *Conn) combine(p *pacer, session Session, target string, parts []string) error {
	// A target that is new begins with the first part, and with nothing that an
	// upload has left.
	out, err := session.OpenFile(p.job.ctx, target, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if errors.Is(err, fs.ErrExist) {
		out, err = session.OpenFile(p.job.ctx, target, os.O_WRONLY|os.O_CREATE|os.O_APPEND)
	}
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err == nil {
			err = c.appendPart(p, session, out, part)
		}
	}
	if err != nil {
		closeWithError(out, err)
		return err
	}
	return out.Close()
}

func (c *Conn) appendPart(p *pacer, session Session, out File, part string) error {
	in, err := session.OpenFile(p.job.ctx, part, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := statOpen(p.job.ctx, session, in, part)
	if err != nil {
		return err
	}
	// What is open is decided on again: a name may have changed meanwhile.
	if f, ok := out.(statter); ok {
		if target, err := f.Stat(); err == nil && sameFile(info, target) {
			return errOneFile
		}
	}
	return c.server.buffers.Copy(out, &pacedReader{p, &jobReader{p.job, io.LimitReader(in, info.Size())}})
}

var errOneFile = &Error{553, "Two of these names are of one file"}

// A pacedReader reads at the rate of the session.
type pacedReader struct {
	pace *pacer
	r    io.Reader
}

func (r *pacedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p[:r.pace.allowance(len(p))])
	if n > 0 {
		if werr := r.pace.wait(n); werr != nil {
			return n, werr
		}
	}
	return n, err
}

func (c *Conn) cmdAvbl(arg string) error {
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	s, ok := c.state.session.(SpaceReporter)
	if !ok {
		return &Error{502, "The space is not known"}
	}
	n, err := s.Available(c.ctx, name)
	if err != nil {
		return err
	}
	return c.reply(213, errorf(0, "%d", n).Text)
}

// cmdDsiz tells the size of a directory and all below.
func (c *Conn) cmdDsiz(arg string) error {
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	session := c.state.session
	info, err := session.Stat(c.ctx, name)
	if err != nil {
		return err
	}
	return c.startWork(&job{verb: "DSIZ", path: name, size: -1}, func(j *job) (*Error, error) {
		total := info.Size()
		var err error
		if info.IsDir() {
			total, err = newListing(j.ctx, session).size(name, 0)
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
