package ftp

import (
	"net/netip"
	"strings"
)

// RFC 7151: virtual hosts. RFC 2640: language. CLNT and CSID: who is who.
var _ = register(map[string]*command{
	"HOST": {(*Conn).cmdHost, noLogin | needArg, "name"},
	"LANG": {(*Conn).cmdLang, noLogin, "[EN]"},
	"CLNT": {(*Conn).cmdClnt, noLogin | needArg, "name of the client"},
	"CSID": {(*Conn).cmdCsid, noLogin | needArg, "name=value; ..."},
})

// cmdHost chooses a virtual host, before the login. If TLS is in use, its
// server name has chosen already, and another one would be confusing at best
// (RFC 7151 section 3.3).
func (c *Conn) cmdHost(arg string) error {
	if c.state.session != nil || c.state.user != "" {
		return &Error{503, "HOST comes before USER"}
	}
	host, err := parseHost(arg)
	if err != nil {
		return err
	}
	if state := c.TLS(); state != nil && state.ServerName != "" && !strings.EqualFold(state.ServerName, host) {
		return &Error{504, "TLS was started for another host"}
	}
	c.mu.Lock()
	c.host = host
	c.mu.Unlock()
	return c.reply(220, c.settings().Greeting)
}

// parseHost checks a host name or address in brackets. A zone of an address could be
// any text, and means something on the client's side only.
func parseHost(arg string) (string, error) {
	host := strings.ToLower(strings.TrimSuffix(arg, "."))
	if addr, ok := strings.CutPrefix(host, "["); ok {
		addr, ok = strings.CutSuffix(addr, "]")
		if ip, err := netip.ParseAddr(addr); !ok || err != nil || ip.Zone() != "" {
			return "", errSyntax
		}
		return host, nil
	}
	if host == "" || len(host) > 253 || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return "", errSyntax
	}
	return host, nil
}

// cmdLang: replies are in English. A longer tag of it will do.
func (c *Conn) cmdLang(arg string) error {
	tag, _, _ := strings.Cut(strings.ToUpper(arg), "-")
	if tag != "" && tag != "EN" {
		return errNoParameter
	}
	return c.reply(200, "Language is EN")
}

func (c *Conn) cmdClnt(arg string) error {
	c.noteClient(arg)
	return c.reply(200, "Noted")
}

// cmdCsid (draft-peterson-streamlined-ftp-command-extensions) tells the client
// what this server is in return.
func (c *Conn) cmdCsid(arg string) error {
	for field := range strings.SplitSeq(arg, ";") {
		if name, value, ok := strings.Cut(strings.TrimSpace(field), "="); ok && strings.EqualFold(name, "Name") {
			c.noteClient(value)
		}
	}
	return c.reply(200, "Name=fileserver; Version=1; OS=UNIX; CaseSensitive=1; DirSep=/;")
}

func (c *Conn) noteClient(name string) {
	const enough = 200
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clientName = strings.ToValidUTF8(name[:min(len(name), enough)], "?")
}
