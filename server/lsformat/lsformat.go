// Package lsformat writes entries of directories as ls -l does, which is what
// clients of FTP and SFTP show and parse, and modes as Unix has them. It depends
// on the standard library only.
package lsformat

import (
	"io/fs"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// An Entry is what a line is made of.
type Entry struct {
	Mode         fs.FileMode
	Links        uint64
	Owner, Group string
	Size         int64
	ModTime      time.Time // shown in its own zone: the format has no place for one
	Name         string
	Target       string // of a symbolic link, if it is known
}

// Append appends the line of an entry to b, without an end. As with ls, times in
// the future and those older than half a year show the year.
func (e *Entry) Append(b []byte, now time.Time) []byte {
	b = append(AppendMode(b, e.Mode), ' ')
	b = append(appendNumber(b, max(e.Links, 1), 3), ' ')
	b = append(appendWord(b, e.Owner, 8), ' ')
	b = append(appendWord(b, e.Group, 8), ' ')
	b = append(appendNumber(b, uint64(max(e.Size, 0)), 12), ' ')
	const halfYear = 182 * 24 * time.Hour
	if e.ModTime.After(now) || now.Sub(e.ModTime) > halfYear {
		b = e.ModTime.AppendFormat(b, "Jan _2  2006 ")
	} else {
		b = e.ModTime.AppendFormat(b, "Jan _2 15:04 ")
	}
	b = AppendName(b, e.Name)
	if e.Target != "" && e.Mode&fs.ModeSymlink != 0 {
		b = AppendName(append(b, " -> "...), e.Target)
	}
	return b
}

// AppendName appends a name such that it stays on its line, whatever the file
// system holds.
func AppendName(b []byte, name string) []byte {
	if !strings.ContainsAny(name, "\r\n\x00") {
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

// Word makes s one word, since fields are separated by spaces, and those of MLST
// (RFC 3659) by semicolons and equals signs.
func Word(s string) string {
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

// appendWord pads a word with spaces behind it.
func appendWord(b []byte, s string, width int) []byte {
	s = Word(s)
	b = append(b, s...)
	for range width - len(s) {
		b = append(b, ' ')
	}
	return b
}

// appendNumber pads a number with spaces before it.
func appendNumber(b []byte, n uint64, width int) []byte {
	var digits [20]byte
	s := strconv.AppendUint(digits[:0], n, 10)
	for range width - len(s) {
		b = append(b, ' ')
	}
	return append(b, s...)
}
