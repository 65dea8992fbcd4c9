package lsformat

import "io/fs"

// Bits of a mode in Unix besides the nine for reading, writing and executing.
const (
	setuid = 0o4000
	setgid = 0o2000
	sticky = 0o1000
)

// UnixMode returns the twelve bits that chmod(2) knows.
func UnixMode(mode fs.FileMode) uint32 {
	bits := uint32(mode.Perm())
	if mode&fs.ModeSetuid != 0 {
		bits |= setuid
	}
	if mode&fs.ModeSetgid != 0 {
		bits |= setgid
	}
	if mode&fs.ModeSticky != 0 {
		bits |= sticky
	}
	return bits
}

// FromUnixMode returns the mode that those twelve bits stand for. Others are
// ignored.
func FromUnixMode(bits uint32) fs.FileMode {
	mode := fs.FileMode(bits & 0o777)
	if bits&setuid != 0 {
		mode |= fs.ModeSetuid
	}
	if bits&setgid != 0 {
		mode |= fs.ModeSetgid
	}
	if bits&sticky != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}

// AppendMode appends a mode as ls shows it: the kind of file, and three letters
// each for its owner, its group, and all others.
func AppendMode(b []byte, mode fs.FileMode) []byte {
	b = append(b, kind(mode))
	start := len(b)
	for i, r := range "rwxrwxrwx" {
		if mode&(1<<(8-i)) != 0 {
			b = append(b, byte(r))
		} else {
			b = append(b, '-')
		}
	}
	for _, special := range []struct {
		bit     fs.FileMode
		at      int
		with    byte // in place of x
		without byte // in place of -
	}{{fs.ModeSetuid, 2, 's', 'S'}, {fs.ModeSetgid, 5, 's', 'S'}, {fs.ModeSticky, 8, 't', 'T'}} {
		at := start + special.at
		switch {
		case mode&special.bit == 0:
		case b[at] == 'x':
			b[at] = special.with
		default:
			b[at] = special.without
		}
	}
	return b
}

func kind(mode fs.FileMode) byte {
	switch mode.Type() {
	case 0:
		return '-'
	case fs.ModeDir:
		return 'd'
	case fs.ModeSymlink:
		return 'l'
	case fs.ModeNamedPipe:
		return 'p'
	case fs.ModeSocket:
		return 's'
	case fs.ModeDevice:
		return 'b'
	case fs.ModeDevice | fs.ModeCharDevice:
		return 'c'
	}
	return '?'
}
