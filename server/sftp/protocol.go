package sftp

import "encoding/binary"

// Kinds of packets (draft-ietf-secsh-filexfer-02 section 3).
const (
	fxpInit          = 1
	fxpVersion       = 2
	fxpOpen          = 3
	fxpClose         = 4
	fxpRead          = 5
	fxpWrite         = 6
	fxpLstat         = 7
	fxpFstat         = 8
	fxpSetstat       = 9
	fxpFsetstat      = 10
	fxpOpendir       = 11
	fxpReaddir       = 12
	fxpRemove        = 13
	fxpMkdir         = 14
	fxpRmdir         = 15
	fxpRealpath      = 16
	fxpStat          = 17
	fxpRename        = 18
	fxpReadlink      = 19
	fxpSymlink       = 20
	fxpStatus        = 101
	fxpHandle        = 102
	fxpData          = 103
	fxpName          = 104
	fxpAttrs         = 105
	fxpExtended      = 200
	fxpExtendedReply = 201
)

// protocolVersion is what is spoken, whatever the client offers beyond it.
const protocolVersion = 3

// handlers serve requests. SSH_FXP_READ is served apart, since it runs ahead.
var handlers [256]handler

func init() {
	handlers = [256]handler{
		fxpOpen:     (*subsystem).open,
		fxpClose:    (*subsystem).close,
		fxpWrite:    (*subsystem).write,
		fxpLstat:    (*subsystem).lstat,
		fxpFstat:    (*subsystem).fstat,
		fxpSetstat:  (*subsystem).setstat,
		fxpFsetstat: (*subsystem).fsetstat,
		fxpOpendir:  (*subsystem).opendir,
		fxpReaddir:  (*subsystem).readdir,
		fxpRemove:   (*subsystem).remove,
		fxpMkdir:    (*subsystem).mkdir,
		fxpRmdir:    (*subsystem).rmdir,
		fxpRealpath: (*subsystem).realpath,
		fxpStat:     (*subsystem).stat,
		fxpRename:   (*subsystem).rename,
		fxpReadlink: (*subsystem).readlink,
		fxpSymlink:  (*subsystem).symlink,
		fxpExtended: (*subsystem).extended,
	}
}

var errUnsupportedRequest = &Error{StatusUnsupported, "Not supported"}

// versionPacket is the SSH_FXP_VERSION reply, with the names of the extensions.
func versionPacket() []byte {
	var e encoder
	e.uint32(0)
	e.byte(fxpVersion)
	e.uint32(protocolVersion)
	for _, x := range extensions {
		e.string(x.name)
		e.string(x.version)
	}
	binary.BigEndian.PutUint32(e.b, uint32(len(e.b)-4))
	return e.b
}
