package ftp

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/lsformat"
)

// RFC 959 section 4.1.3, RFC 2389: information.
var _ = register(map[string]*command{
	"SYST": {(*Conn).cmdSyst, noLogin, ""},
	"NOOP": {(*Conn).cmdNoop, noLogin | anyTime, ""},
	"FEAT": {(*Conn).cmdFeat, noLogin, ""},
	"OPTS": {(*Conn).cmdOpts, noLogin | needArg, "command [options]"},
	"HELP": {(*Conn).cmdHelp, noLogin, "[command]"},
	"STAT": {(*Conn).cmdStat, noLogin | anyTime, "[name]"},
})

// cmdSyst: the listing format is that of Unix.
func (c *Conn) cmdSyst(string) error { return c.reply(215, "UNIX Type: L8") }

func (c *Conn) cmdNoop(string) error { return c.reply(200, "OK") }

// cmdFeat lists what the session can do (RFC 2389 section 3.2).
func (c *Conn) cmdFeat(string) error {
	session := c.sample()
	features := []string{
		"AUTH TLS", "AVBL", "CLNT", "COMB", "CSID", "DSIZ", "EPRT", "EPSV",
		"HASH " + hashList(c.state.hash), "HOST", "LANG EN*", "MDTM", "MFCT", "MFF " + settableFacts(session), "MFMT",
		"MLST " + factList(c.state.facts), "PASV", "PBSZ", "PROT", "REST STREAM", "SIZE", "TVFS", "UTF8",
		"XCRC", "XMD5", "XSHA1", "XSHA256", "XSHA512",
	}
	features = slices.DeleteFunc(features, func(feature string) bool {
		verb, _, _ := strings.Cut(feature, " ")
		return !c.offers(verb, session)
	})
	return c.reply(211, "Features:\n"+strings.Join(features, "\n")+"\nEnd")
}

func (c *Conn) cmdOpts(arg string) error {
	name, options, _ := strings.Cut(arg, " ")
	switch strings.ToUpper(name) {
	case "UTF8", "UTF-8":
		// Names are bytes and pass as they are; there is nothing to turn off.
		return c.reply(200, "Names are UTF-8")
	case "MLST":
		return c.optsMlst(options)
	case "HASH":
		return c.optsHash(options)
	}
	return &Error{501, "No such option"}
}

// cmdHelp lists the verbs that are of use in the session, or those of SITE, or tells the
// arguments of one. What follows a verb is ignored.
func (c *Conn) cmdHelp(arg string) error {
	words := append(strings.Fields(strings.ToUpper(arg)), "", "")
	verb, session := words[0], c.sample()
	if verb == "SITE" {
		verb += " " + words[1]
	}
	cmd := commands[verb]
	switch {
	case verb == "":
		text := "Commands:"
		for row := range slices.Chunk(c.offered(session, false), 8) {
			text += "\n" + strings.Join(row, " ")
		}
		return c.reply(214, text+"\nEnd")
	case verb == "SITE ":
		text := "SITE commands:\n"
		for _, verb := range c.offered(session, true) {
			text += strings.TrimPrefix(verb, "SITE ") + " " + commands[verb].help + "\n"
		}
		return c.reply(214, text+"HELP")
	case cmd == nil:
		return &Error{502, "Unknown command"}
	}
	text := strings.TrimSpace("Syntax: " + verb + " " + cmd.help)
	if !c.offers(verb, session) {
		text += " (unimplemented here)" // Perl's Net::FTP looks for this word
	}
	return c.reply(214, text)
}

// offered returns the verbs that are of use in a session: those of SITE, or all others.
func (c *Conn) offered(session Session, ofSite bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(commands)), func(verb string) bool {
		return strings.HasPrefix(verb, "SITE ") != ofSite || verb == "SITE HELP" || !c.offers(verb, session)
	})
}

// cmdStat tells the state of the session, and of a running transfer. With a
// name it is a listing on the control connection, which is not possible while
// a transfer runs.
func (c *Conn) cmdStat(arg string) error {
	if arg != "" {
		if err := c.awaitJob(); err != nil {
			return err
		}
		return c.statName(arg)
	}
	c.mu.Lock()
	user, state := c.user, c.tls
	c.mu.Unlock()
	lines := []string{"Status:"}
	if !c.settings().NoActive {
		lines = append(lines, "Connected from "+c.remote.Addr().String())
	}
	if user != "" {
		lines = append(lines, "Logged in as "+user)
	} else {
		lines = append(lines, "Not logged in")
	}
	if state != nil {
		lines = append(lines, "Control connection is protected by "+tls.VersionName(state.Version))
	}
	lines = append(lines, c.typeLine())
	if j := c.current.Load(); j != nil {
		lines = append(lines, j.progress())
	} else {
		lines = append(lines, "No transfer is running")
	}
	return c.reply(211, strings.Join(lines, "\n")+"\nEnd")
}

func (c *Conn) typeLine() string {
	t, p := "ASCII", "not protected"
	if c.state.binary {
		t = "binary"
	}
	if c.state.protected {
		p = "protected"
	}
	return "Type is " + t + ", mode is stream, data connections are " + p
}

// progress says how far a job is.
func (j *job) progress() string {
	if !j.data {
		return "Running " + j.verb + " " + j.path
	}
	text := fmt.Sprintf("Running %s %s: %d bytes", j.verb, j.path, j.bytes.Load())
	if j.size >= 0 {
		text += fmt.Sprintf(" of %d", j.size)
	}
	return text + fmt.Sprintf(" in %d s", int(time.Since(j.start).Seconds()))
}

// statName lists a file (213) or directory (212) on the control connection. It
// is sent in pieces, under one lock, so that nothing gets between its lines.
func (c *Conn) statName(arg string) error {
	if c.state.session == nil {
		return errNoLogin
	}
	_, arg = listFlags(arg)
	w, err := c.findListed(arg)
	if err != nil {
		return err
	}
	w.format = func(b []byte, name string, info fs.FileInfo, now time.Time) []byte {
		return appendListEntry(append(b, ' '), name, info, now)
	}
	code := 213
	if w.dir != "" {
		code = 212
	}
	// All of it is one reply, for which a client has no longer than for another.
	ctx, cancel := context.WithTimeout(c.ctx, orForever(c.limits().WriteTimeout))
	defer cancel()
	c.writing.Lock()
	defer c.writing.Unlock()
	l := &lister{w: controlWriter{c}}
	l.b = fmt.Appendf(l.b, "%d-Status of ", code)
	l.b = append(lsformat.AppendName(l.b, w.path), ":\r\n"...)
	if err := c.writeListing(ctx, w, l); err != nil {
		// Too late for another code: the reply has begun.
		if _, known := replyTo(err); !known {
			c.unforeseen("listing failed", "STAT", err)
		}
		l.b = append(l.b, " The listing is incomplete\r\n"...)
	}
	l.b = fmt.Appendf(l.b, "%d End\r\n", code)
	l.flush()
	return nil
}

// controlWriter writes to the control connection while its lock is held.
type controlWriter struct{ c *Conn }

func (w controlWriter) Write(p []byte) (int, error) {
	if err := w.c.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}
