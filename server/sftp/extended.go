package sftp

import "encoding/binary"

// An extension is one that SSH_FXP_VERSION tells of and SSH_FXP_EXTENDED asks for.
type extension struct {
	name    string
	version string
	serve   handler
}

// extensions are those of OpenSSH's server (its PROTOCOL file, section 4). They
// are told in this order.
var extensions []extension

func init() {
	extensions = []extension{
		{"posix-rename@openssh.com", "1", (*subsystem).posixRename},
		{"statvfs@openssh.com", "2", (*subsystem).statvfs},
		{"fstatvfs@openssh.com", "2", (*subsystem).fstatvfs},
		{"hardlink@openssh.com", "1", (*subsystem).hardlink},
		{"fsync@openssh.com", "1", (*subsystem).fsync},
		{"lsetstat@openssh.com", "1", (*subsystem).lsetstat},
		{"limits@openssh.com", "1", (*subsystem).limits},
		{"expand-path@openssh.com", "1", (*subsystem).expandPath},
		{"copy-data", "1", (*subsystem).copyData},
		{"home-directory", "1", (*subsystem).homeDirectory},
		{"users-groups-by-id@openssh.com", "1", (*subsystem).usersGroupsByID},
	}
}

func (s *subsystem) extended(r *request) error {
	name := r.args.string()
	for _, x := range extensions {
		if x.name == name {
			return x.serve(s, r)
		}
	}
	return errUnsupportedRequest
}

func (s *subsystem) fsync(r *request) error {
	h, err := s.fileHandle(r)
	if err != nil {
		return err
	}
	return h.file.Sync()
}

// limits tells clients how much they may ask for at once, which they use if
// they know of it.
func (s *subsystem) limits(r *request) error {
	out := r.begin(fxpExtendedReply)
	out.uint64(maxPacket)
	out.uint64(maxData)
	out.uint64(maxData)
	out.uint64(uint64(s.conn.limits().MaxHandles)) // zero is: not known
	return nil
}

func (s *subsystem) statvfs(r *request) error {
	name, err := s.name(r)
	if err != nil {
		return err
	}
	return s.space(r, name)
}

func (s *subsystem) fstatvfs(r *request) error {
	h, err := s.fileHandle(r)
	if err != nil {
		return err
	}
	if reporter, ok := s.session.(FileSpaceReporter); ok {
		v, err := reporter.FileSpace(s.ctx, h.file)
		return spaceReply(r, v, err)
	}
	return s.space(r, h.path)
}

// Flags of a volume.
const (
	volumeReadOnly = 1
	volumeNoSetuid = 2
)

func (s *subsystem) space(r *request, name string) error {
	reporter, ok := s.session.(SpaceReporter)
	if !ok {
		return errUnsupportedRequest
	}
	v, err := reporter.Space(s.ctx, name)
	return spaceReply(r, v, err)
}

func spaceReply(r *request, v Space, err error) error {
	if err != nil {
		return err
	}
	flags := uint64(volumeNoSetuid)
	if v.ReadOnly {
		flags |= volumeReadOnly
	}
	out := r.begin(fxpExtendedReply)
	for _, n := range []uint64{
		v.BlockSize, v.BlockSize, v.Blocks, v.Free, v.Available,
		v.Files, v.FilesFree, v.FilesFree, v.FileSystem, flags, v.NameMax,
	} {
		out.uint64(n)
	}
	return nil
}

// usersGroupsByID serves users-groups-by-id@openssh.com. A name that is not
// known is empty.
func (s *subsystem) usersGroupsByID(r *request) error {
	uids, gids := r.args.bytes(), r.args.bytes()
	if r.args.failed || len(uids)%4 != 0 || len(gids)%4 != 0 {
		return errBadMessage
	}
	user, group := func(uint32) string { return "" }, func(uint32) string { return "" }
	if names, ok := s.session.(Names); ok {
		user, group = names.UserName, names.GroupName
	}
	out := r.begin(fxpExtendedReply)
	out.bytes(namesOf(uids, user))
	out.bytes(namesOf(gids, group))
	if len(out.b) > maxPacket {
		r.reply.b = nil
		return &Error{StatusFailure, "Too many at once"}
	}
	return nil
}

func namesOf(ids []byte, name func(uint32) string) []byte {
	var e encoder
	for ; len(ids) >= 4; ids = ids[4:] {
		e.string(name(binary.BigEndian.Uint32(ids)))
	}
	return e.b
}
