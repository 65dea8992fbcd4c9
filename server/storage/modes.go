package storage

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// Modes are the permissions of what is made in a tree. The zero Modes leave
// what the client asks for; the umask of the process is taken from it in any
// case.
type Modes struct {
	Umask  fs.FileMode // is taken from what the client asks for
	File   fs.FileMode // of all new files, whatever the client asks for; 0 is none
	Folder fs.FileMode // of all new folders, alike
}

func (m Modes) file(asked fs.FileMode) fs.FileMode {
	if m.File != 0 {
		return m.File
	}
	return asked &^ m.Umask
}

// folder returns the mode of a new folder. Its owner, who is all users, can
// always use it.
func (m Modes) folder(asked fs.FileMode) fs.FileMode {
	if m.Folder != 0 {
		return m.Folder | ownersFolder
	}
	return asked&^m.Umask | ownersFolder
}

// ownersFolder is what a folder needs for anybody to use it: to the volume, all
// users are one.
const ownersFolder = 0o700

const specialBits = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// bits returns a mode as the system has it.
func bits(mode fs.FileMode) uint32 {
	b := uint32(mode.Perm())
	if mode&fs.ModeSetuid != 0 {
		b |= unix.S_ISUID
	}
	if mode&fs.ModeSetgid != 0 {
		b |= unix.S_ISGID
	}
	if mode&fs.ModeSticky != 0 {
		b |= unix.S_ISVTX
	}
	return b
}
