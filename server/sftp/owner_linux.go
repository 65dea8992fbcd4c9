package sftp

import (
	"io/fs"
	"syscall"
	"time"
)

// ownerOf returns what the system knows of a file.
func ownerOf(info fs.FileInfo) (owner, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return owner{}, false
	}
	return owner{st.Uid, st.Gid, uint64(st.Nlink), time.Unix(st.Atim.Unix())}, true
}
