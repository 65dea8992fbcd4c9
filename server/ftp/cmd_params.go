package ftp

import (
	"strconv"
	"strings"
)

// RFC 959 section 4.1.2 and RFC 3659 section 5: how data is transferred.
var _ = register(map[string]*command{
	"TYPE": {(*Conn).cmdType, needArg, "A or I"},
	"MODE": {(*Conn).cmdMode, needArg, "S"},
	"STRU": {(*Conn).cmdStru, needArg, "F"},
	"REST": {(*Conn).cmdRest, needArg, "offset"},
	"ALLO": {(*Conn).cmdAllo, 0, "size"},
})

func (c *Conn) cmdType(arg string) error {
	switch strings.ToUpper(strings.Join(strings.Fields(arg), " ")) {
	case "A", "A N", "A T": // T, Telnet format, makes no difference to files
		c.state.binary = false
		return c.reply(200, "Type is ASCII")
	case "I", "L 8", "L8":
		c.state.binary = true
		return c.reply(200, "Type is binary")
	}
	return errNoParameter
}

func (c *Conn) cmdMode(arg string) error {
	if !strings.EqualFold(arg, "S") {
		return errNoParameter
	}
	return c.reply(200, "Mode is stream")
}

func (c *Conn) cmdStru(arg string) error {
	if !strings.EqualFold(arg, "F") {
		return errNoParameter
	}
	return c.reply(200, "Structure is file")
}

// cmdRest: an offset in a file that is translated means nothing that could be
// found again cheaply, so only 0 is possible then.
func (c *Conn) cmdRest(arg string) error {
	n, err := parseSize(arg)
	switch {
	case err != nil:
		return err
	case n > 0 && c.translating():
		return &Error{504, "REST is possible with TYPE I only"}
	}
	c.state.offset = n
	return c.reply(350, "Restarting at "+strconv.FormatInt(n, 10)+", send RETR or STOR")
}

// translating reports whether files are translated between lines of the
// network and of Unix.
func (c *Conn) translating() bool { return !c.state.binary && !c.settings().BinaryASCII }

// cmdAllo has nothing to do. Its proper reply would be 202, on which there are
// cameras that send it again for ever.
func (c *Conn) cmdAllo(string) error { return c.reply(200, "No allocation is needed") }

// parseSize parses a number of bytes.
func parseSize(arg string) (int64, error) {
	n, err := strconv.ParseInt(arg, 10, 64)
	if err != nil || n < 0 || arg[0] == '+' || arg[0] == '-' {
		return 0, errSyntax
	}
	return n, nil
}
