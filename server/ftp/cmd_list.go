package ftp

import (
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/lsformat"
)

// RFC 959 section 4.1.3: listings.
var _ = register(map[string]*command{
	"LIST": {(*Conn).cmdList, usesData, "[-al] [name]"},
	"NLST": {(*Conn).cmdNlst, usesData, "[-a] [name]"},
})

func (c *Conn) cmdList(arg string) error {
	return c.list("LIST", arg, appendListEntry)
}

// cmdNlst lists names as they were asked for: relative to the working directory
// if the argument was, so that each can be given to RETR (RFC 1123 section
// 4.1.2.7).
func (c *Conn) cmdNlst(arg string) error {
	return c.list("NLST", arg, func(b []byte, name string, _ fs.FileInfo, _ time.Time) []byte {
		return append(lsformat.AppendName(b, name), '\r', '\n')
	})
}

// entryFormat appends one line of a listing.
type entryFormat func(b []byte, name string, info fs.FileInfo, now time.Time) []byte

func (c *Conn) list(verb, arg string, format entryFormat) error {
	asked := arg
	flags, arg := listFlags(asked)
	w, err := c.findListed(arg)
	if errors.Is(err, fs.ErrNotExist) && flags != "" {
		// A name may begin with a dash.
		if literal, lerr := c.findListed(asked); lerr == nil {
			w, err, flags, arg = literal, nil, "", asked
		}
	}
	if err != nil {
		return err
	}
	w.format, w.recursive = format, strings.Contains(flags, "R")
	if verb == "NLST" && w.dir != "" {
		// A directory's entries are named below what was asked for.
		w.prefix = arg
		if arg != "" && !strings.HasSuffix(arg, "/") {
			w.prefix += "/"
		}
		if w.patterns != nil {
			w.prefix = withoutParts(arg, len(w.patterns))
		}
	}
	return c.startListing(verb, w)
}

// listFlags splits off flags of ls, which clients send though no RFC has them.
// Those that can be ignored are, except R.
func listFlags(arg string) (flags, rest string) {
	for strings.HasPrefix(arg, "-") {
		word, after, _ := strings.Cut(arg, " ")
		if strings.Trim(word[1:], "abcdfghiklmnopqrstuxABCFGHLNQRSTU1") != "" {
			break
		}
		flags += word[1:]
		arg = after
	}
	return flags, arg
}

// A walk is what a listing goes through: the entries of dir, or one file.
type walk struct {
	session   Session
	name      string // as asked for, of a file
	path      string // absolute
	info      fs.FileInfo
	dir       string   // absolute; "" if a file is listed
	prefix    string   // of the names shown
	patterns  []string // that the parts of names below dir have to match, if there are any
	recursive bool
	format    entryFormat
}

// findListed finds out what arg means. If there is nothing of that name and it has a
// pattern in it, that is expanded: clients leave it to the server when they are told
// "mget *.txt".
func (c *Conn) findListed(arg string) (*walk, error) {
	name, err := c.resolve(arg)
	if err != nil {
		return nil, err
	}
	session := c.state.session
	info, err := session.Stat(c.ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		if dir, patterns := splitPatterns(name); patterns != nil {
			if parent, perr := session.Stat(c.ctx, dir); perr == nil && parent.IsDir() {
				return &walk{session: session, path: name, dir: dir, patterns: patterns}, nil
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return &walk{session: session, path: name, dir: name}, nil
	}
	return &walk{session: session, name: arg, path: name, info: info}, nil
}

func (c *Conn) startListing(verb string, w *walk) error {
	return c.startTransfer(&transfer{
		job:     job{verb: verb, path: w.path, direction: Download, size: -1},
		content: w, opening: "Opening data connection for the listing",
	})
}

func (w *walk) move(t *transfer) error {
	lines := &lister{w: t}
	if err := t.conn.writeListing(t.ctx, w, lines); err != nil {
		return err
	}
	return lines.flush()
}

func (w *walk) end(err error) error { return err }
