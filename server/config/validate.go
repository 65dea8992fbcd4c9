package config

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"unicode"
)

// Validate returns all that is wrong with the configuration, each error with
// the path of its field and what it should be; nil if nothing is.
func (c *Config) Validate() error {
	var p problems
	if c.Version != Version {
		p.add("version", "is %q; this server reads %q", c.Version, Version)
	}
	c.validateProtocols(&p)
	c.validatePassive(&p)
	c.validateFiles(&p)
	c.Sessions.validate(&p)
	c.Audit.validate(&p)
	if c.Events != nil {
		c.Events.validate(&p)
	}
	c.validateChoices(&p)
	if c.Drain.AcceptFor < 0 || c.Drain.Timeout < 0 {
		p.add("drain", "has a negative duration")
	}
	return p.err()
}

func (c *Config) validateProtocols(p *problems) {
	ports := map[int]string{}
	claim := func(field string, port int) {
		if port < 1 || port > 65535 {
			p.add(field, "is %d; a port is 1 to 65535", port)
			return
		}
		if other, taken := ports[port]; taken {
			p.add(field, "is %d, which is %s too; give each its own", port, other)
			return
		}
		if c.Passive != nil && c.Passive.Ports.Contains(port) {
			p.add(field, "is %d, which is in passive.ports %d-%d; move one of them", port, c.Passive.Ports.First, c.Passive.Ports.Last)
		}
		ports[port] = field
	}
	if f := c.Protocols.FTP; f != nil {
		claim("protocols.ftp.port", f.Port)
		claim("protocols.ftp.dataPort", f.DataPort)
		if !slices.Contains([]TLSPolicy{TLSRequired, TLSOptional, TLSDisabled}, f.TLS) {
			p.add("protocols.ftp.tls", "is %q; it is Required, Optional or Disabled", f.TLS)
		}
	}
	if f := c.Protocols.FTPS; f != nil {
		claim("protocols.ftps.port", f.Port)
		claim("protocols.ftps.dataPort", f.DataPort)
	}
	if f := c.Protocols.SFTP; f != nil {
		claim("protocols.sftp.port", f.Port)
	}
	if c.Protocols == (Protocols{}) {
		p.add("protocols", "is empty; enable at least one of ftp, ftps and sftp")
	}
}

func (c *Config) validatePassive(p *problems) {
	if c.Passive == nil {
		if c.Protocols.FTP != nil || c.Protocols.FTPS != nil {
			p.add("passive", "is missing; FTP needs a range of passive ports")
		}
		return
	}
	r := c.Passive.Ports
	p.addErr("passive.ports", r.Validate())
	for listen, tell := range c.Passive.AdvertisedPorts {
		field := fmt.Sprintf("passive.advertisedPorts[%d]", listen)
		if !r.Contains(listen) {
			p.add(field, "is not in passive.ports %d-%d", r.First, r.Last)
		}
		if tell < 1 || tell > 65535 {
			p.add(field, "is %d; a port is 1 to 65535", tell)
		}
	}
	for i, rule := range c.Passive.Advertise {
		if len(rule.Addresses) == 0 {
			p.add(fmt.Sprintf("passive.advertise[%d].addresses", i), "is empty; name an address, a host name or %q", NodeAddress)
		}
		for j, a := range rule.Addresses {
			if strings.TrimSpace(a) != a || a == "" {
				p.add(fmt.Sprintf("passive.advertise[%d].addresses[%d]", i, j), "is %q; it is an address, a host name or %q", a, NodeAddress)
			}
		}
	}
	if !slices.Contains([]PeerCheck{"", PeerAddress, PeerTLSSession, PeerAny}, c.Passive.PeerCheck) {
		p.add("passive.peerCheck", "is %q; it is Address, TLSSession or Any", c.Passive.PeerCheck)
	}
}

func (c *Config) validateChoices(p *problems) {
	if !slices.Contains([]ActiveMode{"", ActiveAllowed, ActiveRefused}, c.ActiveMode) {
		p.add("activeMode", "is %q; it is Allowed or Refused", c.ActiveMode)
	}
	if !slices.Contains([]ASCII{"", ASCIIConvert, ASCIIKeep}, c.ASCII) {
		p.add("ascii", "is %q; it is Convert or Keep", c.ASCII)
	}
	if t := c.TLS; t != nil && !slices.Contains([]string{"", "1.0", "1.1", "1.2", "1.3"}, t.MinVersion) {
		p.add("tls.minVersion", "is %q; it is 1.0, 1.1, 1.2 or 1.3", t.MinVersion)
	}
	if t := c.TLS; t != nil && !slices.Contains([]ClientAuth{"", ClientAuthOptional, ClientAuthRequired}, t.ClientAuth) {
		p.add("tls.clientAuth", "is %q; it is Optional or Required", t.ClientAuth)
	}
	if strings.ContainsFunc(c.FTPBanner, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
		p.add("ftpBanner", "is %q; it is a text without control characters besides line feeds", c.FTPBanner)
	}
	if c.Storage.KeepIncomplete < 0 {
		p.add("storage.keepIncomplete", "is negative; zero is the default")
	}
	for field, m := range map[string]Mode{
		"storage.umask": c.Storage.Umask, "storage.fileMode": c.Storage.FileMode, "storage.folderMode": c.Storage.FolderMode,
	} {
		if _, ok := m.Bits(); !ok && m != "" {
			p.add(field, "is %q; it is a mode in octal from 0000 to 0777, such as 0640", m)
		}
	}
}

// Validate says what is wrong with a range of ports.
func (r PortRange) Validate() error {
	switch {
	case r.First < 1 || r.Last > 65535:
		return fmt.Errorf("is %d-%d; ports are 1 to 65535", r.First, r.Last)
	case r.First > r.Last:
		return fmt.Errorf("is %d-%d, which is reversed; write the smaller port first", r.First, r.Last)
	}
	return nil
}

func (c *Config) validateFiles(p *problems) {
	file := func(field, name string) {
		if !path.IsAbs(name) {
			p.add(field, "is %q; it is an absolute path", name)
		}
	}
	needsTLS := c.Protocols.FTPS != nil || c.Protocols.FTP != nil && c.Protocols.FTP.TLS != TLSDisabled
	switch {
	case c.TLS != nil:
		file("tls.certFile", c.TLS.CertFile)
		file("tls.keyFile", c.TLS.KeyFile)
	case needsTLS:
		p.add("tls", "is missing; FTP with TLS needs a certificate")
	}
	switch {
	case c.SSH != nil:
		if len(c.SSH.HostKeyFiles) == 0 {
			p.add("ssh.hostKeyFiles", "is empty; SFTP needs at least one host key")
		}
		for i, f := range c.SSH.HostKeyFiles {
			file(fmt.Sprintf("ssh.hostKeyFiles[%d]", i), f)
		}
	case c.Protocols.SFTP != nil:
		p.add("ssh", "is missing; SFTP needs host keys")
	}
	switch {
	case c.Storage.Bucket == nil:
		file("storage.root", c.Storage.Root)
	case c.Storage.Root != "":
		p.add("storage", "has both root and bucket; files are in one of them")
	default:
		c.Storage.Bucket.validate(p)
	}
	file("usersDir", c.UsersDir)
}

func (s *Sessions) validate(p *problems) {
	for field, n := range map[string]int64{
		"sessions.max":                int64(s.Max),
		"sessions.maxPerUser":         int64(s.MaxPerUser),
		"sessions.maxPerAddress":      int64(s.MaxPerAddress),
		"sessions.idleTimeout":        int64(s.IdleTimeout),
		"sessions.loginGrace":         int64(s.LoginGrace),
		"sessions.stallTimeout":       int64(s.StallTimeout),
		"sessions.maxBeforeLogin":     int64(s.MaxBeforeLogin),
		"sessions.bandwidth.upload":   s.Bandwidth.Upload,
		"sessions.bandwidth.download": s.Bandwidth.Download,
		"sessions.ban.failures":       int64(s.Ban.Failures),
		"sessions.ban.window":         int64(s.Ban.Window),
		"sessions.ban.duration":       int64(s.Ban.Duration),
	} {
		if n < 0 {
			p.add(field, "is negative; zero is the default")
		}
	}
}

// Validate returns all that is wrong with the users, as [Config.Validate] does.
func (u *Users) Validate() error {
	var p problems
	if u.Version != Version {
		p.add("version", "is %q; this server reads %q", u.Version, Version)
	}
	seen := map[string]bool{}
	for i := range u.Users {
		user := &u.Users[i]
		field := fmt.Sprintf("users[%d]", i)
		if seen[user.Name] {
			p.add(field+".name", "is %q, which another user has; names are unique", user.Name)
		}
		seen[user.Name] = true
		user.validate(field, &p)
	}
	return p.err()
}

// Validate returns all that is wrong with the user.
func (u *User) Validate() error {
	var p problems
	u.validate("users[0]", &p)
	return p.err()
}

func (u *User) validate(field string, p *problems) {
	if u.Name == "" || strings.ContainsFunc(u.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		p.add(field+".name", "is %q; it is a name without control characters", u.Name)
	}
	if h := u.Home; h == "" || path.IsAbs(h) || path.Clean(h) != h || h == ".." || strings.HasPrefix(h, "../") {
		p.add(field+".home", "is %q; it is a clean path below the storage root, such as \"alice\" or \".\"", h)
	}
	access := func(field string, a Access) {
		if !slices.Contains([]Access{AccessReadWrite, AccessReadOnly, AccessWriteOnly, AccessNone}, a) {
			p.add(field, "is %q; it is ReadWrite, ReadOnly, WriteOnly or None", a)
		}
	}
	access(field+".access", u.Access)
	for j, r := range u.Paths {
		if !path.IsAbs(r.Path) || path.Clean(r.Path) != r.Path {
			p.add(fmt.Sprintf("%s.paths[%d].path", field, j), "is %q; it is a clean absolute path, such as \"/incoming\"", r.Path)
		}
		access(fmt.Sprintf("%s.paths[%d].access", field, j), r.Access)
	}
	for j, name := range u.Protocols {
		if !slices.Contains([]string{ProtocolFTP, ProtocolFTPS, ProtocolSFTP}, name) {
			p.add(fmt.Sprintf("%s.protocols[%d]", field, j), "is %q; it is ftp, ftps or sftp", name)
		}
	}
	if u.Limits.MaxSessions < 0 || u.Limits.Bandwidth.Upload < 0 || u.Limits.Bandwidth.Download < 0 {
		p.add(field+".limits", "has a negative number; zero is the server's limit")
	}
	for j, source := range u.AllowedSources {
		if source == (netip.Prefix{}) {
			p.add(fmt.Sprintf("%s.allowedSources[%d]", field, j), "is empty; it is a network such as 10.0.0.0/8")
		}
	}
}

// problems collects what is wrong, field by field.
type problems []error

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, fmt.Errorf("%s "+format, append([]any{field}, args...)...))
}

func (p *problems) addErr(field string, err error) {
	if err != nil {
		*p = append(*p, fmt.Errorf("%s %w", field, err))
	}
}

func (p problems) err() error {
	// The order of a map must not show: the text ends up in conditions.
	slices.SortFunc(p, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(p...)
}
