package ftp

import (
	"path"
	"strings"
)

// resolve returns the absolute name that arg means in the working directory.
// ".." does not lead above the top. NUL, CR and LF are refused: the protocol
// cannot carry the last two (a CR is sent as CR NUL over Telnet), and no file
// system carries the first.
func (c *Conn) resolve(arg string) (string, error) {
	return resolvePath(c.state.dir, arg)
}

// unspeakable are the bytes of names that the protocol cannot carry.
const unspeakable = "\x00\r\n"

func resolvePath(dir, arg string) (string, error) {
	if strings.ContainsAny(arg, unspeakable) {
		return "", errBadName
	}
	if !strings.HasPrefix(arg, "/") {
		arg = dir + "/" + arg
	}
	return path.Clean("/" + arg), nil
}

// quotePath quotes a path for 257 replies: a quote in it is doubled (RFC 959
// appendix II).
func quotePath(p string) string {
	return `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
}
