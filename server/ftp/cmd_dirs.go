package ftp

// RFC 959 section 4.1.3 and RFC 1123 section 4.1.3.1: directories, and names.
// The verbs with an X are from RFC 775; ftp.exe of Windows still sends them.
var _ = register(map[string]*command{
	"CWD":  {(*Conn).cmdCwd, needArg, "directory"},
	"XCWD": {(*Conn).cmdCwd, needArg, "directory"},
	"CDUP": {(*Conn).cmdCdup, 0, ""},
	"XCUP": {(*Conn).cmdCdup, 0, ""},
	"PWD":  {(*Conn).cmdPwd, 0, ""},
	"XPWD": {(*Conn).cmdPwd, 0, ""},
	"MKD":  {(*Conn).cmdMkd, needArg, "directory"},
	"XMKD": {(*Conn).cmdMkd, needArg, "directory"},
	"RMD":  {(*Conn).cmdRmd, needArg, "directory"},
	"XRMD": {(*Conn).cmdRmd, needArg, "directory"},
	"DELE": {(*Conn).cmdDele, needArg, "name"},
	"RNFR": {(*Conn).cmdRnfr, needArg, "name"},
	"RNTO": {(*Conn).cmdRnto, needArg, "name"},
})

func (c *Conn) cmdCwd(arg string) error {
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	info, err := c.state.session.Stat(c.ctx, name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &Error{550, "Not a directory"}
	}
	c.state.dir = name
	return c.reply(250, "Working directory is "+quotePath(name))
}

func (c *Conn) cmdCdup(string) error { return c.cmdCwd("..") }

func (c *Conn) cmdPwd(string) error {
	return c.reply(257, quotePath(c.state.dir)+" is the working directory")
}

func (c *Conn) cmdMkd(arg string) error {
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	if err := c.state.session.Mkdir(c.ctx, name); err != nil {
		return err
	}
	return c.reply(257, quotePath(name)+" created")
}

func (c *Conn) cmdRmd(arg string) error {
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	if name == "/" {
		return errBadName
	}
	if err := c.state.session.RemoveDir(c.ctx, name); err != nil {
		return err
	}
	return c.reply(250, "Directory removed")
}

func (c *Conn) cmdDele(arg string) error {
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	if err := c.state.session.Remove(c.ctx, name); err != nil {
		return err
	}
	return c.reply(250, "File removed")
}

func (c *Conn) cmdRnfr(arg string) error {
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	if name == "/" {
		return errBadName
	}
	if err := c.exists(name); err != nil {
		return err
	}
	c.state.renameFrom = name
	return c.reply(350, "Now send RNTO")
}

// exists returns an error if there is nothing of that name. A symbolic link
// that leads nowhere counts as something if the session can tell.
func (c *Conn) exists(name string) error {
	if s, ok := c.state.session.(linkStater); ok {
		_, err := s.Lstat(c.ctx, name)
		return err
	}
	_, err := c.state.session.Stat(c.ctx, name)
	return err
}

func (c *Conn) cmdRnto(arg string) error {
	from := c.state.renameFrom
	if from == "" {
		return &Error{503, "Send RNFR first"}
	}
	c.state.renameFrom = ""
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	if name == "/" {
		return errBadName
	}
	if err := c.state.session.Rename(c.ctx, from, name); err != nil {
		return err
	}
	return c.reply(250, "Renamed")
}
