package ftp

import (
	"io/fs"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/lsformat"
)

// appendListEntry appends a line in the format of ls -l, which is what clients
// parse (RFC 959 leaves it open). Times are UTC.
func appendListEntry(b []byte, name string, info fs.FileInfo, now time.Time) []byte {
	e := lsformat.Entry{
		Mode: info.Mode(), Owner: "ftp", Group: "ftp", Size: info.Size(), ModTime: info.ModTime().UTC(), Name: name,
	}
	if o, ok := info.(owned); ok {
		e.Owner, e.Group = o.Owner(), o.Group()
	}
	if l, ok := info.(linked); ok {
		e.Target = l.LinkTarget()
	}
	return append(e.Append(b, now), '\r', '\n')
}
