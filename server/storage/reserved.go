package storage

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// reservedPrefixes begin the names of uploads that are not complete. The
// second is one of former releases.
var reservedPrefixes = []string{partialPrefix, ".ftp-upload."}

// Reserved reports whether a part of name begins like the name of a hidden
// upload, or like one that a volume may take for the same: in any case of letters,
// with letters and dots that look the same by compatibility (NFKD), and with
// characters between that have no look. Clients neither see nor use such names.
func Reserved(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		for _, prefix := range reservedPrefixes {
			if begins(part, prefix) {
				return true
			}
		}
	}
	return false
}

// begins compares only as much of name as is needed: mostly one byte.
func begins(name, prefix string) bool {
	for prefix != "" {
		r, size := utf8.DecodeRuneInString(name)
		if size == 0 {
			return false
		}
		rest := name[size:]
		switch {
		case r < utf8.RuneSelf:
			if unicode.ToLower(r) != rune(prefix[0]) {
				return false
			}
			prefix = prefix[1:]
		case !unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			plain := norm.NFKD.String(name[:size])
			if plain == name[:size] || !strings.HasPrefix(prefix, strings.ToLower(plain)) {
				return false
			}
			prefix = prefix[len(plain):]
		}
		name = rest
	}
	return true
}
