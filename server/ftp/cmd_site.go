package ftp

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// RFC 959 section 4.1.3: SITE, with what clients use of it.
var _ = register(map[string]*command{
	"SITE": {(*Conn).cmdSite, needArg, "command"},
})

// A siteCommand is one of SITE.
type siteCommand struct {
	run  func(c *Conn, arg string) error
	help string // its arguments, for HELP
}

var siteCommands = map[string]siteCommand{
	"CHMOD":   {(*Conn).siteChmod, "mode name"},
	"SYMLINK": {(*Conn).siteSymlink, "target name"},
	"UTIME":   {(*Conn).siteUtime, "YYYYMMDDhhmm[ss] name"},
}

func (c *Conn) cmdSite(arg string) error {
	verb, arg, _ := strings.Cut(arg, " ")
	verb = strings.ToUpper(verb)
	if verb == "HELP" {
		return c.siteHelp(arg)
	}
	cmd, ok := siteCommands[verb]
	if !ok {
		return &Error{504, "Unknown SITE command"}
	}
	if arg == "" {
		return errSyntax
	}
	return cmd.run(c, arg)
}

// siteHelp lists the commands of SITE that are of use in the session, or tells the
// arguments of one.
func (c *Conn) siteHelp(arg string) error {
	can := c.capabilities()
	verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(arg)), " ")
	switch cmd, ok := siteCommands[verb]; {
	case verb == "":
		text := "SITE commands:\n"
		for _, verb := range slices.Sorted(maps.Keys(siteCommands)) {
			if c.offers("SITE "+verb, can) {
				text += verb + " " + siteCommands[verb].help + "\n"
			}
		}
		return c.reply(214, text+"HELP")
	case verb == "HELP":
		return c.replySyntax("SITE HELP", "[command]", can)
	case !ok:
		return errNoHelp
	default:
		return c.replySyntax("SITE "+verb, cmd.help, can)
	}
}

func (c *Conn) siteChmod(arg string) error {
	value, arg, ok := strings.Cut(arg, " ")
	if !ok || arg == "" {
		return errSyntax
	}
	mode, err := parseMode(value)
	if err != nil {
		return err
	}
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	s, ok := c.state.session.(Chmodder)
	if !ok {
		return errors.ErrUnsupported
	}
	if err := s.Chmod(c.ctx, name, mode); err != nil {
		return err
	}
	return c.reply(200, "Mode changed")
}

// siteUtime has two forms: one time before the name, or three behind it (of
// access, modification and creation) and the zone, which is UTC.
func (c *Conn) siteUtime(arg string) error {
	if value, name, ok := strings.Cut(arg, " "); ok && name != "" {
		if t, err := parseShortTime(value); err == nil {
			return c.setModTime(t, name, 213)
		}
	}
	words := strings.Split(arg, " ")
	n := len(words)
	if n < 5 || !strings.EqualFold(words[n-1], "UTC") {
		return errSyntax
	}
	t, err := parseShortTime(words[n-3])
	if err != nil {
		return err
	}
	return c.setModTime(t, strings.Join(words[:n-4], " "), 213)
}

// parseShortTime parses a time that may lack its seconds.
func parseShortTime(s string) (time.Time, error) {
	if len(s) == len(timeFormat)-2 {
		s += "00"
	}
	return parseTime(s)
}

func (c *Conn) siteSymlink(arg string) error {
	target, arg, ok := strings.Cut(arg, " ")
	if words, quoted := splitQuoted(target + " " + arg); quoted && len(words) == 2 {
		target, arg = words[0], words[1]
	}
	if !ok || target == "" || arg == "" || strings.ContainsAny(target, unspeakable) {
		return errSyntax
	}
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	s, ok := c.state.session.(Symlinker)
	if !ok {
		return errors.ErrUnsupported
	}
	if err := s.Symlink(c.ctx, target, name); err != nil {
		return err
	}
	return c.reply(200, "Link created")
}
