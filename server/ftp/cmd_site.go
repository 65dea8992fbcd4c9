package ftp

import (
	"errors"
	"strings"
)

// RFC 959 section 4.1.3: SITE, with what clients use of it.
var _ = register(map[string]*command{
	"SITE":         {(*Conn).cmdSite, needArg, "command"},
	"SITE CHMOD":   {(*Conn).siteChmod, needArg, "mode name"},
	"SITE HELP":    {(*Conn).siteHelp, 0, "[command]"},
	"SITE SYMLINK": {(*Conn).siteSymlink, needArg, "target name"},
	"SITE UTIME":   {(*Conn).siteUtime, needArg, "YYYYMMDDhhmm[ss] name"},
})

func (c *Conn) cmdSite(arg string) error {
	verb, arg, _ := strings.Cut(arg, " ")
	cmd := commands["SITE "+strings.ToUpper(verb)]
	switch {
	case cmd == nil:
		return &Error{504, "Unknown SITE command"}
	case cmd.flags&needArg != 0 && arg == "":
		return errSyntax
	}
	return cmd.run(c, arg)
}

func (c *Conn) siteHelp(arg string) error { return c.cmdHelp("SITE " + arg) }

func (c *Conn) siteChmod(arg string) error {
	value, name, _ := strings.Cut(arg, " ")
	change, err := c.factChange("UNIX.mode", value, name)
	if err != nil {
		return err
	}
	return c.answer(change(), 200, "Mode changed")
}

// siteUtime has two forms: one time before the name, or three behind it (of
// access, modification and creation) and the zone, which is UTC.
func (c *Conn) siteUtime(arg string) error {
	value, name, _ := strings.Cut(arg, " ")
	t, err := parseShortTime(value)
	if err != nil {
		words := strings.Split(arg, " ")
		n := len(words)
		if n < 5 || !strings.EqualFold(words[n-1], "UTC") {
			return errSyntax
		}
		t, err = parseShortTime(words[n-3])
		name = strings.Join(words[:n-4], " ")
	}
	if err != nil {
		return err
	}
	return c.setFact("Modify", t.Format(timeFormat), name, 213)
}

func (c *Conn) siteSymlink(arg string) error {
	target, name, _ := strings.Cut(arg, " ")
	if words, quoted := splitQuoted(arg); quoted && len(words) == 2 {
		target, name = words[0], words[1]
	}
	if target == "" || name == "" || strings.ContainsAny(target, unspeakable) {
		return errSyntax
	}
	name, err := c.resolve(name)
	if err != nil {
		return err
	}
	s, ok := c.state.session.(symlinker)
	if !ok {
		return errors.ErrUnsupported
	}
	return c.answer(s.Symlink(c.ctx, target, name), 200, "Link created")
}
