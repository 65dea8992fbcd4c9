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
	can := c.capabilities()
	features := []string{
		"CLNT", "COMB", "CSID", "DSIZ", "EPSV",
		"HASH " + hashList(c.state.hash), "HOST", "LANG EN*", "MDTM",
		"MLST " + factList(c.state.facts),
		"PASV", "REST STREAM", "SIZE", "TVFS", "UTF8",
		"XCRC", "XMD5", "XSHA1", "XSHA256", "XSHA512",
	}
	for verb, feature := range map[string]string{
		"EPRT": "EPRT", "AUTH": "AUTH TLS", "PBSZ": "PBSZ", "PROT": "PROT", "AVBL": "AVBL",
		"MFMT": "MFMT", "MFCT": "MFCT", "MFF": "MFF " + can.settableFacts(),
	} {
		if c.offers(verb, can) {
			features = append(features, feature)
		}
	}
	if c.server.opts.Deflate {
		features = append(features, "MODE Z")
	}
	slices.Sort(features)
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
	case "MODE":
		return c.optsMode(options)
	}
	return &Error{501, "No such option"}
}

// optsMode sets the level of compression: OPTS MODE Z LEVEL 9.
func (c *Conn) optsMode(arg string) error {
	var level int
	if n, err := fmt.Sscanf(strings.ToUpper(arg), "Z LEVEL %d", &level); n != 1 || err != nil || level < 0 || level > 9 || !c.server.opts.Deflate {
		return &Error{501, "No such option"}
	}
	c.state.zipLevel = level
	return c.reply(200, fmt.Sprintf("MODE Z LEVEL set to %d", level))
}

// cmdHelp lists the verbs that are of use in the session, or tells the arguments of
// one. What follows a verb is ignored, save for the commands of SITE.
func (c *Conn) cmdHelp(arg string) error {
	verb, arg, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(arg)), " ")
	can := c.capabilities()
	switch cmd := commands[verb]; {
	case verb == "SITE":
		return c.siteHelp(arg)
	case verb == "":
		text := "Commands:"
		verbs := slices.DeleteFunc(slices.Sorted(maps.Keys(commands)), func(verb string) bool { return !c.offers(verb, can) })
		for row := range slices.Chunk(verbs, 8) {
			text += "\n" + strings.Join(row, " ")
		}
		return c.reply(214, text+"\nEnd")
	case cmd == nil:
		return errNoHelp
	default:
		return c.replySyntax(verb, cmd.help, can)
	}
}

var errNoHelp = &Error{502, "Unknown command"}

// replySyntax tells the arguments of a verb, and whether it is of no use in the
// session: the word for that is one that Perl's Net::FTP looks for.
func (c *Conn) replySyntax(verb, arguments string, can capabilities) error {
	text := strings.TrimSpace("Syntax: " + verb + " " + arguments)
	if !c.offers(verb, can) {
		text += " (unimplemented here)"
	}
	return c.reply(214, text)
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
	if !c.server.noActive.Load() {
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
	t, m, p := "ASCII", "stream", "not protected"
	if c.state.binary {
		t = "binary"
	}
	if c.state.deflate {
		m = "deflate"
	}
	if c.state.protected {
		p = "protected"
	}
	return "Type is " + t + ", mode is " + m + ", data connections are " + p
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
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	l := newLister(controlWriter{c})
	defer l.free()
	l.buf.b = fmt.Appendf(l.buf.b, "%d-Status of ", code)
	l.buf.b = append(lsformat.AppendName(l.buf.b, w.path), ":\r\n"...)
	if err := c.writeListing(ctx, c.state.session, w, l); err != nil {
		// Too late for another code: the reply has begun.
		if _, known := replyTo(err); !known {
			c.unforeseen("listing failed", "STAT", err)
		}
		l.buf.b = append(l.buf.b, " The listing is incomplete\r\n"...)
	}
	l.buf.b = fmt.Appendf(l.buf.b, "%d End\r\n", code)
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
