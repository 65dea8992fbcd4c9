package ftp

import "strings"

// RFC 2228 and RFC 4217: TLS.
var _ = register(map[string]*command{
	"AUTH": {(*Conn).cmdAuth, noLogin | needArg, "TLS"},
	"PBSZ": {(*Conn).cmdPbsz, noLogin | needArg, "0"},
	"PROT": {(*Conn).cmdProt, noLogin | needArg, "C or P"},
	"CCC":  {(*Conn).cmdCcc, noLogin, ""},
})

// cmdAuth starts TLS. Everything that was negotiated in plaintext is void
// afterwards, a login included (RFC 2228 section 3).
func (c *Conn) cmdAuth(arg string) error {
	if c.tlsPolicy() == TLSDisabled {
		return &Error{502, "TLS is not offered"}
	}
	protected := false
	switch strings.ToUpper(arg) {
	case "TLS", "TLS-C":
	case "SSL", "TLS-P": // the old names imply PROT P
		protected = true
	default:
		return &Error{504, "Unknown security mechanism: use TLS"}
	}
	if c.nc != c.raw {
		return &Error{503, "TLS is in use already"}
	}
	if err := c.reply(234, "Starting TLS"); err != nil {
		return nil
	}
	c.logout()
	c.state.parameters = c.defaultParameters()
	if err := c.startTLS(); err != nil {
		c.state.end("error")
		return nil
	}
	c.state.protected = protected
	return nil
}

// cmdPbsz: TLS is a stream, so the size of a protection buffer is always 0.
func (c *Conn) cmdPbsz(arg string) error {
	if c.nc == c.raw {
		return &Error{503, "Use AUTH TLS first"}
	}
	if strings.Trim(arg, "0123456789") != "" {
		return errSyntax
	}
	c.state.pbsz = true
	return c.reply(200, "PBSZ=0")
}

func (c *Conn) cmdProt(arg string) error {
	switch {
	case c.nc == c.raw:
		return &Error{503, "Use AUTH TLS first"}
	case !c.state.pbsz && !c.listener.Implicit:
		return &Error{503, "Use PBSZ first"}
	}
	switch strings.ToUpper(arg) {
	case "C":
		if c.tlsPolicy() == TLSRequired {
			return &Error{534, "Data connections must be protected"}
		}
		c.state.protected = false
		return c.reply(200, "Data connections are not protected")
	case "P":
		c.state.protected = true
		return c.reply(200, "Data connections are protected")
	case "S", "E":
		return &Error{536, "TLS has the levels C and P only"}
	}
	return errNoParameter
}

// cmdCcc would give up the protection of the control connection, with which
// any of its commands could be forged: RFC 4217 section 12.8 lets a server
// refuse.
func (c *Conn) cmdCcc(string) error {
	if c.nc == c.raw {
		return &Error{533, "The control connection is not protected"}
	}
	return &Error{534, "The control connection stays protected"}
}
