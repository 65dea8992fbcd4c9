package ftp

import (
	"errors"
	"maps"
	"path"
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// A command is one verb.
type command struct {
	run   func(c *Conn, arg string) error
	flags flag
	help  string // its arguments, for HELP
}

type flag uint8

const (
	anyTime  flag = 1 << iota // answered while a transfer runs
	noLogin                   // allowed before login
	needArg                   // 501 without an argument
	needsTLS                  // refused where TLS is required and not in use
	usesData                  // refused if no data connection could be made; the last to see the offset of REST
	isName                    // the argument is a name, which the handler gets resolved
	belowTop                  // as isName, and "/" is refused
)

// commands are all verbs in upper case. Families register theirs in the file
// that implements them.
var commands = map[string]*command{}

func register(family map[string]*command) bool {
	maps.Copy(commands, family)
	return true
}

// parseCommand splits a line. What follows the first space is the argument as
// it is: names may start and end with spaces.
func parseCommand(line string) (verb, arg string) {
	verb, arg, _ = strings.Cut(line, " ")
	return strings.ToUpper(verb), arg
}

// handle runs one command line and answers it.
func (c *Conn) handle(line string) {
	verb, arg := parseCommand(line)
	cmd := commands[verb] // none of SITE: these have a space in their names
	c.state.commands++
	c.mu.Lock()
	if c.verb = verb; cmd == nil {
		c.verb = "?"
	}
	c.mu.Unlock()
	if verb != "RNTO" && verb != "NOOP" {
		c.state.renameFrom = "" // RFC 959 section 4.1.3: RNTO comes at once
	}
	err := c.run(verb, cmd, arg)
	if err != nil {
		c.fail(verb, err)
	}
	c.active.Store(time.Now().UnixNano())
}

func (c *Conn) run(verb string, cmd *command, arg string) error {
	if c.state.session == nil {
		c.state.beforeLogin++
		if limit := c.limits().MaxCommandsBeforeLogin; limit > 0 && c.state.beforeLogin > limit {
			return &conns.Ending{Reason: "limit", Text: "Too many commands without logging in"}
		}
	}
	if cmd == nil {
		return c.unknown(verb)
	}
	if cmd.flags&anyTime == 0 {
		if err := c.awaitJob(); err != nil {
			return err
		}
	}
	if refused := c.refusal(c.TLS()); refused != nil && cmd.flags&needsTLS != 0 {
		return refused
	}
	switch {
	case cmd.flags&noLogin == 0 && c.state.session == nil:
		return errNoLogin
	case cmd.flags&needArg != 0 && arg == "":
		return errSyntax
	}
	if cmd.flags&usesData != 0 {
		defer func() { c.state.offset = 0 }()
		if err := c.dataReady(); err != nil {
			return err
		}
	}
	if cmd.flags&(isName|belowTop) != 0 {
		name, err := c.resolve(arg)
		switch {
		case err != nil:
			return err
		case cmd.flags&belowTop != 0 && name == "/":
			return errBadName
		}
		arg = name
	}
	return cmd.run(c, arg)
}

// unknown answers a verb that does not exist. What does not even look like one
// (HTTP, TLS on a plain port, noise) ends the session soon.
func (c *Conn) unknown(verb string) error {
	if len(verb) >= 3 && len(verb) <= 8 && strings.Trim(verb, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == "" {
		return &Error{500, "Unknown command"}
	}
	return c.garbage(&Error{500, "Syntax error, command unrecognized"})
}

// garbage answers what is no command, and ends the session when too much of it
// has come.
func (c *Conn) garbage(e *Error) error {
	const tolerated = 10
	if c.state.garbage++; c.state.garbage > tolerated {
		return &conns.Ending{Reason: "garbage", Text: "Too much that is no command"}
	}
	return e
}

// fail sends the reply that err stands for.
func (c *Conn) fail(verb string, err error) {
	reply, known := replyTo(err)
	if !known {
		c.unforeseen("command failed", verb, err)
	}
	c.reply(reply.Code, reply.Text)
	if reply.Code == 421 {
		reason := "error"
		if ending, ok := errors.AsType[*conns.Ending](err); ok {
			reason = ending.Reason
		}
		c.state.end(reason)
	}
}

// unforeseen logs an error that nobody foresaw. A client may be able to have the same
// again and again, so of each connection only some are logged.
func (c *Conn) unforeseen(what, verb string, err error) {
	const enough = 10
	n := c.unforeseens.Add(1)
	if n > enough {
		return
	}
	args := []any{"command", verb, "user", c.User(), "session", c.id, "error", err}
	if n == enough {
		args = append(args, "note", "further errors of this session are not logged")
	}
	c.server.opts.Logger.Error(what, args...)
}

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
