package ftp

import (
	"path"
	"syscall"
)

// RFC 959 section 4.1.3 and RFC 1123 section 4.1.3.1: directories, and names.
// The verbs with an X are from RFC 775; ftp.exe of Windows still sends them.
var _ = register(map[string]*command{
	"CWD":  {(*Conn).cmdCwd, needArg | isName, "directory"},
	"XCWD": {(*Conn).cmdCwd, needArg | isName, "directory"},
	"CDUP": {(*Conn).cmdCdup, 0, ""},
	"XCUP": {(*Conn).cmdCdup, 0, ""},
	"PWD":  {(*Conn).cmdPwd, 0, ""},
	"XPWD": {(*Conn).cmdPwd, 0, ""},
	"MKD":  {(*Conn).cmdMkd, needArg | isName, "directory"},
	"XMKD": {(*Conn).cmdMkd, needArg | isName, "directory"},
	"RMD":  {(*Conn).cmdRmd, needArg | belowTop, "directory"},
	"XRMD": {(*Conn).cmdRmd, needArg | belowTop, "directory"},
	"DELE": {(*Conn).cmdDele, needArg | isName, "name"},
	"RNFR": {(*Conn).cmdRnfr, needArg | belowTop, "name"},
	"RNTO": {(*Conn).cmdRnto, needArg | belowTop, "name"},
})

func (c *Conn) cmdCwd(name string) error {
	info, err := c.state.session.Stat(c.ctx, name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return syscall.ENOTDIR
	}
	c.state.dir = name
	return c.reply(250, "Working directory is "+quotePath(name))
}

func (c *Conn) cmdCdup(string) error { return c.cmdCwd(path.Dir(c.state.dir)) }

func (c *Conn) cmdPwd(string) error {
	return c.reply(257, quotePath(c.state.dir)+" is the working directory")
}

func (c *Conn) cmdMkd(name string) error {
	return c.answer(c.state.session.Mkdir(c.ctx, name), 257, quotePath(name)+" created")
}

func (c *Conn) cmdRmd(name string) error {
	return c.answer(c.state.session.RemoveDir(c.ctx, name), 250, "Directory removed")
}

func (c *Conn) cmdDele(name string) error {
	return c.answer(c.state.session.Remove(c.ctx, name), 250, "File removed")
}

func (c *Conn) cmdRnfr(name string) error {
	if err := c.exists(name); err != nil {
		return err
	}
	c.state.renameFrom = name
	return c.reply(350, "Now send RNTO")
}

// exists returns an error if there is nothing of that name. A symbolic link
// that leads nowhere counts as something if the session can tell.
func (c *Conn) exists(name string) (err error) {
	if s, ok := c.state.session.(linkStater); ok {
		_, err = s.Lstat(c.ctx, name)
	} else {
		_, err = c.state.session.Stat(c.ctx, name)
	}
	return err
}

func (c *Conn) cmdRnto(name string) error {
	from := c.state.renameFrom
	if from == "" {
		return &Error{503, "Send RNFR first"}
	}
	c.state.renameFrom = ""
	return c.answer(c.state.session.Rename(c.ctx, from, name), 250, "Renamed")
}
