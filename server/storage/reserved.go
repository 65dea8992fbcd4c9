package storage

import "strings"

// reservedPrefixes begin the names of uploads that are not complete. The
// second is one of former releases.
var reservedPrefixes = []string{partialPrefix, ".ftp-upload."}

// Reserved reports whether a part of name begins, in any case of letters, like
// the name of a hidden upload. Clients neither see nor use such names.
func Reserved(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		for _, prefix := range reservedPrefixes {
			if len(part) >= len(prefix) && strings.EqualFold(part[:len(prefix)], prefix) {
				return true
			}
		}
	}
	return false
}
