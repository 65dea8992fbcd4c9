package sftp

// exec serves a command.
func (ch *channel) exec(command string) int {
	ch.warn(textFilesOnly)
	return 1
}
