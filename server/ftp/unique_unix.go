//go:build unix

package ftp

import (
	"io/fs"
	"strconv"
	"syscall"
)

// appendUnique appends the identity of a file, by which clients recognise hard
// links (RFC 3659 section 7.5.2), if the system tells.
func appendUnique(b []byte, info fs.FileInfo) []byte {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		b = strconv.AppendUint(b, uint64(st.Dev), 16)
		b = append(b, 'g')
		b = strconv.AppendUint(b, st.Ino, 16)
	}
	return b
}
