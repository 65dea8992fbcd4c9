package audit

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxName is how many bytes of a name in the volume are told, before they are
	// escaped: as many as a key of S3 has.
	maxName = 1024
	// maxText is for all else that a client can choose, such as the name of a user.
	maxText = 256
)

// escape makes a text that a client can choose fit for a terminal, and loses nothing:
// what is not printable becomes \n, \x1b, \u202e and so on, as in Go and C, and a backslash
// becomes two. The text is cut after limit bytes; whole is false then.
func escape(s string, limit int) (text string, whole bool) {
	whole = len(s) <= limit
	if !whole {
		s = s[:limit]
		for n := 1; n < utf8.UTFMax && n < len(s); n++ { // not within a letter
			if r, _ := utf8.DecodeLastRuneInString(s); r != utf8.RuneError {
				break
			}
			s = s[:len(s)-1]
		}
	}
	if !strings.ContainsFunc(s, escaped) {
		return s, whole
	}
	var b strings.Builder
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[0])|0x100, 16)[1:])
		case escaped(r):
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String(), whole
}

// escaped reports whether a rune is not written as it is. RuneError may stand for bytes
// that are no UTF-8.
func escaped(r rune) bool { return r == '\\' || r == utf8.RuneError || !unicode.IsPrint(r) }

// tame makes the texts of a record fit for a line.
func (r *Record) tame() {
	for _, name := range []*string{&r.Path, &r.Target} {
		var whole bool
		if *name, whole = escape(*name, maxName); !whole {
			r.Cut = true
		}
	}
	for _, text := range []*string{&r.Message, &r.User, &r.Verb, &r.Method, &r.Key, &r.Client} {
		var whole bool
		if *text, whole = escape(*text, maxText); !whole {
			r.Cut = true
		}
	}
}
