package sftp

import (
	"io/fs"
	"strconv"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/lsformat"
)

// Flags of attributes (draft-ietf-secsh-filexfer-02 section 5).
const (
	attrSize        = 1
	attrOwner       = 2
	attrPermissions = 4
	attrTimes       = 8
	attrExtended    = 1 << 31
)

// attributes are those that a client sets.
type attributes struct {
	flags       uint32
	size        uint64
	uid, gid    uint32
	permissions uint32
	atime       uint32 // seconds since 1970
	mtime       uint32
}

func decodeAttributes(d *decoder) attributes {
	a := attributes{flags: d.uint32()}
	if a.flags&attrSize != 0 {
		a.size = d.uint64()
	}
	if a.flags&attrOwner != 0 {
		a.uid, a.gid = d.uint32(), d.uint32()
	}
	if a.flags&attrPermissions != 0 {
		a.permissions = d.uint32()
	}
	if a.flags&attrTimes != 0 {
		a.atime, a.mtime = d.uint32(), d.uint32()
	}
	if a.flags&attrExtended != 0 {
		// None are known. Each takes at least eight bytes of the packet, so
		// a count that lies ends with the packet.
		for n := d.uint32(); n > 0 && !d.failed; n-- {
			d.bytes()
			d.bytes()
		}
	}
	return a
}

// mode returns the permission bits, or the default if there are none.
func (a attributes) mode(byDefault fs.FileMode) fs.FileMode {
	if a.flags&attrPermissions == 0 {
		return byDefault
	}
	return lsformat.FromUnixMode(a.permissions)
}

// Bits of the mode in Unix that say what kind of file it is.
const (
	unixTypeDir     = 0o040000
	unixTypeRegular = 0o100000
	unixTypeSymlink = 0o120000
	unixTypeFIFO    = 0o010000
	unixTypeSocket  = 0o140000
	unixTypeChar    = 0o020000
	unixTypeBlock   = 0o060000
)

// toUnixMode returns a mode with the kind of file.
func toUnixMode(mode fs.FileMode) uint32 {
	m := lsformat.UnixMode(mode)
	switch mode.Type() {
	case 0:
		m |= unixTypeRegular
	case fs.ModeDir:
		m |= unixTypeDir
	case fs.ModeSymlink:
		m |= unixTypeSymlink
	case fs.ModeNamedPipe:
		m |= unixTypeFIFO
	case fs.ModeSocket:
		m |= unixTypeSocket
	case fs.ModeDevice:
		m |= unixTypeBlock
	case fs.ModeDevice | fs.ModeCharDevice:
		m |= unixTypeChar
	}
	return m
}

// encodeAttributes appends the attributes of a file.
func encodeAttributes(e *encoder, info fs.FileInfo) {
	own, hasOwner := ownerOf(info)
	flags := uint32(attrSize | attrPermissions | attrTimes)
	if hasOwner {
		flags |= attrOwner
	}
	e.uint32(flags)
	e.uint64(uint64(info.Size()))
	if hasOwner {
		e.uint32(own.uid)
		e.uint32(own.gid)
	}
	e.uint32(toUnixMode(info.Mode()))
	accessed := own.accessed
	if accessed.IsZero() {
		accessed = info.ModTime()
	}
	e.uint32(unixSeconds(accessed))
	e.uint32(unixSeconds(info.ModTime()))
}

// unixSeconds is a time as version 3 has it, which ends in 2106.
func unixSeconds(t time.Time) uint32 { return uint32(min(max(t.Unix(), 0), 1<<32-1)) }

// An owner is what the system knows of a file and fs.FileInfo has no method for.
type owner struct {
	uid, gid uint32
	links    uint64
	accessed time.Time
}

// appendLongName appends the line of a file in a listing, as ls -l has it: some clients
// show it, and some take it apart.
func appendLongName(b []byte, info fs.FileInfo, names Names, now time.Time) []byte {
	own, _ := ownerOf(info)
	user, group := strconv.Itoa(int(own.uid)), strconv.Itoa(int(own.gid))
	if names != nil {
		if n := names.UserName(own.uid); n != "" {
			user = n
		}
		if n := names.GroupName(own.gid); n != "" {
			group = n
		}
	}
	e := lsformat.Entry{
		Mode: info.Mode(), Links: own.links, Owner: user, Group: group, Size: info.Size(), ModTime: info.ModTime(), Name: info.Name(),
	}
	return e.Append(b, now)
}
