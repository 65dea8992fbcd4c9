package sftp

import (
	"path"
	"strings"
)

// exec serves a command (RFC 4254 section 6.5) and returns its exit status.
func (ch *channel) exec(command string) int {
	if !ch.conn.activity.begin(ch.conn.server.hurry.Load()) {
		return 255
	}
	defer ch.conn.activity.done()
	ch.conn.stats.commands.Add(1)
	// A word needs some forty bytes, and may be two of the command.
	size := 24 * len(command)
	if !ch.conn.hold(size) {
		ch.warn("The command is too long.")
		return 1
	}
	defer ch.conn.unhold(size)
	args, err := splitCommand(command)
	if err != nil || len(args) == 0 {
		ch.warn("The command cannot be understood. " + textFilesOnly)
		return 1
	}
	name := path.Base(args[0].text)
	if name == "scp" {
		return ch.scp(args[1:])
	}
	if run := tools[name]; run != nil {
		return run(&tool{ch, name}, args[1:])
	}
	ch.warn("There is no command " + strings.ToValidUTF8(args[0].text, "?") + ". " + textFilesOnly)
	return 127
}
