package config

import (
	"io/fs"
	"strconv"
)

// Mode is a file's mode or a umask in octal, such as "0640". The empty one says
// nothing.
type Mode string

// Bits returns the mode. ok is false if it is empty or none.
func (m Mode) Bits() (bits fs.FileMode, ok bool) {
	n, err := strconv.ParseUint(string(m), 8, 32)
	if err != nil || n > 0o777 {
		return 0, false
	}
	return fs.FileMode(n), true
}

// BitsOr returns the mode, or the given one if it is empty or none.
func (m Mode) BitsOr(byDefault fs.FileMode) fs.FileMode {
	if bits, ok := m.Bits(); ok {
		return bits
	}
	return byDefault
}
