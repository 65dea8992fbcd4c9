package ftp

import (
	"io/fs"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// appendListEntry appends a line in the format of ls -l, which is what clients
// parse (RFC 959 leaves it open). Times are UTC: the format has no place for a
// zone. Old and future times show the year, as with ls.
func appendListEntry(b []byte, name string, info fs.FileInfo, now time.Time) []byte {
	owner, group := "ftp", "ftp"
	if o, ok := info.(Owned); ok {
		owner, group = word(o.Owner()), word(o.Group())
	}
	b = appendMode(b, info.Mode())
	b = append(b, "   1 "...)
	b = appendPadded(b, owner, 8)
	b = append(b, ' ')
	b = appendPadded(b, group, 8)
	b = append(b, ' ')
	var digits [20]byte
	size := strconv.AppendInt(digits[:0], max(info.Size(), 0), 10)
	for range 12 - len(size) {
		b = append(b, ' ')
	}
	b = append(b, size...)
	b = append(b, ' ')
	t := info.ModTime().UTC()
	const halfYear = 182 * 24 * time.Hour
	if t.After(now) || now.Sub(t) > halfYear {
		b = t.AppendFormat(b, "Jan _2  2006 ")
	} else {
		b = t.AppendFormat(b, "Jan _2 15:04 ")
	}
	b = appendName(b, name)
	if l, ok := info.(Linked); ok && info.Mode()&fs.ModeSymlink != 0 {
		b = append(b, " -> "...)
		b = appendName(b, l.LinkTarget())
	}
	return append(b, '\r', '\n')
}

// appendName appends a file name such that it stays on its line, whatever the
// file system holds.
func appendName(b []byte, name string) []byte {
	if !strings.ContainsAny(name, unspeakable) {
		return append(b, name...)
	}
	for i := range len(name) {
		switch name[i] {
		case '\r', '\n', 0:
			b = append(b, '?')
		default:
			b = append(b, name[i])
		}
	}
	return b
}

// word makes s one word, since fields are separated by spaces.
func word(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == ';' || r == '=' {
			return '_'
		}
		return r
	}, s)
}

func appendPadded(b []byte, s string, width int) []byte {
	b = append(b, s...)
	for range width - len(s) {
		b = append(b, ' ')
	}
	return b
}

// appendMode appends a mode as ls prints it.
func appendMode(b []byte, mode fs.FileMode) []byte {
	kind := byte('-')
	switch {
	case mode.IsDir():
		kind = 'd'
	case mode&fs.ModeSymlink != 0:
		kind = 'l'
	case mode&fs.ModeNamedPipe != 0:
		kind = 'p'
	case mode&fs.ModeSocket != 0:
		kind = 's'
	case mode&fs.ModeCharDevice != 0:
		kind = 'c'
	case mode&fs.ModeDevice != 0:
		kind = 'b'
	}
	b = append(b, kind)
	start := len(b)
	for i, r := range "rwxrwxrwx" {
		if mode&(1<<(8-i)) != 0 {
			b = append(b, byte(r))
		} else {
			b = append(b, '-')
		}
	}
	special := func(bit fs.FileMode, at int, with, without byte) {
		switch {
		case mode&bit == 0:
		case b[start+at] == 'x':
			b[start+at] = with
		default:
			b[start+at] = without
		}
	}
	special(fs.ModeSetuid, 2, 's', 'S')
	special(fs.ModeSetgid, 5, 's', 'S')
	special(fs.ModeSticky, 8, 't', 'T')
	return b
}
