package ftp

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/lsformat"
)

// RFC 3659 section 7: listings for programs.
var _ = register(map[string]*command{
	"MLST": {(*Conn).cmdMlst, isName, "[name]"},
	"MLSD": {(*Conn).cmdMlsd, usesData | isName, "[directory]"},
})

// facts is a set of facts.
type facts uint16

const (
	factType facts = 1 << iota
	factSize
	factModify
	factPerm
	factUnique
	factMode
	factOwner
	factGroup

	allFacts facts = 1<<iota - 1
)

// factNames are in the order in which facts are sent.
var factNames = []string{"type", "size", "modify", "perm", "unique", "UNIX.mode", "UNIX.owner", "UNIX.group"}

// cmdMlst answers on the control connection. The entry is indented by exactly
// one space.
func (c *Conn) cmdMlst(name string) error {
	info, err := c.state.session.Stat(c.ctx, name)
	if err != nil {
		return err
	}
	line := appendFacts(nil, c.state.facts, c.state.session, name, info)
	line = lsformat.AppendName(append(line, ' '), name)
	return c.reply(250, "Listing\n"+string(line)+"\nEnd")
}

func (c *Conn) cmdMlsd(name string) error {
	info, err := c.state.session.Stat(c.ctx, name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &Error{501, "Not a directory"} // RFC 3659 section 7.2.1
	}
	chosen, session, dir := c.state.facts, c.state.session, strings.TrimSuffix(name, "/")+"/"
	return c.startListing("MLSD", &walk{
		session: session, path: name, dir: name,
		format: func(b []byte, entry string, info fs.FileInfo, _ time.Time) []byte {
			b = appendFacts(b, chosen, session, dir+entry, info)
			b = lsformat.AppendName(append(b, ' '), entry)
			return append(b, '\r', '\n')
		},
	})
}

// appendFacts appends the facts that are chosen and known, each ended by a
// semicolon. Times are UTC.
func appendFacts(b []byte, chosen facts, session Session, name string, info fs.FileInfo) []byte {
	mode := info.Mode()
	for i, factName := range factNames {
		fact := facts(1 << i)
		if chosen&fact == 0 {
			continue
		}
		start := len(b)
		b = append(append(b, factName...), '=')
		value := len(b)
		switch fact {
		case factType:
			b = appendType(b, info)
		case factSize:
			if mode.IsRegular() {
				b = strconv.AppendInt(b, info.Size(), 10)
			}
		case factModify:
			b = info.ModTime().UTC().AppendFormat(b, timeFormat)
		case factPerm:
			if r, ok := session.(permReporter); ok {
				b = append(b, lsformat.Word(r.Perm(name, info))...)
			} else {
				b = append(b, Perm(mode)...)
			}
		case factUnique:
			b = appendUnique(b, info)
		case factMode:
			b = append(b, '0')
			b = strconv.AppendUint(b, uint64(lsformat.UnixMode(mode)), 8)
		case factOwner, factGroup:
			if o, ok := info.(owned); ok {
				owner := o.Owner()
				if fact == factGroup {
					owner = o.Group()
				}
				b = append(b, lsformat.Word(owner)...)
			}
		}
		if len(b) == value {
			b = b[:start] // not known
			continue
		}
		b = append(b, ';')
	}
	return b
}

func appendType(b []byte, info fs.FileInfo) []byte {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return append(b, "dir"...)
	case mode.IsRegular():
		return append(b, "file"...)
	case mode&fs.ModeSymlink != 0:
		b = append(b, "OS.unix=slink:"...)
		if l, ok := info.(linked); ok && !strings.ContainsAny(l.LinkTarget(), ";"+unspeakable) {
			b = append(b, l.LinkTarget()...)
		}
		return b
	}
	return append(b, "OS.unix=special"...)
}

// appendUnique appends the identity of a file, by which clients recognise hard
// links (RFC 3659 section 7.5.2), if the system tells.
func appendUnique(b []byte, info fs.FileInfo) []byte {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		b = fmt.Appendf(b, "%xg%x", st.Dev, st.Ino)
	}
	return b
}

// Perm returns the perm fact (RFC 3659 section 7.5.5) that follows from the owner's bits
// of a mode. Whether an entry can be removed or renamed depends on its directory, which
// is not known here.
func Perm(mode fs.FileMode) string {
	read, write := mode&0o400 != 0, mode&0o200 != 0
	switch {
	case mode.IsDir() && read && write:
		return "flcdmpe"
	case mode.IsDir() && write:
		return "fcdmpe"
	case mode.IsDir() && read:
		return "fdle"
	case mode.IsDir():
		return "fd"
	case read && write:
		return "adfrw"
	case write:
		return "adfw"
	case read:
		return "dfr"
	}
	return "df"
}

// factList returns the facts for FEAT, those chosen marked with a star.
func factList(chosen facts) string {
	var b strings.Builder
	for i, name := range factNames {
		b.WriteString(name)
		if chosen&(1<<i) != 0 {
			b.WriteByte('*')
		}
		b.WriteByte(';')
	}
	return b.String()
}

// optsMlst chooses facts (RFC 3659 section 7.9). Unknown ones are ignored.
func (c *Conn) optsMlst(arg string) error {
	c.state.facts = 0
	for wanted := range strings.SplitSeq(arg, ";") {
		for i, name := range factNames {
			if strings.EqualFold(wanted, name) {
				c.state.facts |= 1 << i
			}
		}
	}
	var chosen strings.Builder
	for i, name := range factNames {
		if c.state.facts&(1<<i) != 0 {
			chosen.WriteString(name + ";")
		}
	}
	return c.reply(200, strings.TrimSpace("MLST OPTS "+chosen.String()))
}
