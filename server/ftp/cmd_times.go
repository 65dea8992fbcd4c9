package ftp

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/lsformat"
)

// RFC 3659 sections 3 and 4, and draft-somers-ftp-mfxx: sizes and times.
var _ = register(map[string]*command{
	"SIZE": {(*Conn).cmdSize, needArg | isName, "name"},
	"MDTM": {(*Conn).cmdMdtm, needArg, "name"},
	"MFMT": {(*Conn).cmdMfmt, needArg, "YYYYMMDDhhmmss name"},
	"MFCT": {(*Conn).cmdMfct, needArg, "YYYYMMDDhhmmss name"},
	"MFF":  {(*Conn).cmdMff, needArg, "fact=value; name"},
})

const timeFormat = "20060102150405"

// parseTime parses a time-val of RFC 3659 section 2.3, which is UTC and may
// have a fraction of a second.
func parseTime(s string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	if len(whole) != len(timeFormat) || strings.Trim(whole+fraction, "0123456789") != "" {
		return time.Time{}, errSyntax
	}
	t, err := time.ParseInLocation(timeFormat, whole, time.UTC)
	if err != nil {
		return time.Time{}, errSyntax
	}
	if fraction != "" {
		n, _ := strconv.Atoi((fraction + "000000000")[:9])
		t = t.Add(time.Duration(n))
	}
	return t, nil
}

// parseShortTime parses a time that may lack its seconds.
func parseShortTime(s string) (time.Time, error) {
	if len(s) == len(timeFormat)-2 {
		s += "00"
	}
	return parseTime(s)
}

// parseZonedTime parses what old clients send with MDTM: a time that may lack its
// seconds, and may be that of a zone so many minutes east of UTC, or so many hours and
// minutes if these are four digits.
func parseZonedTime(s string) (time.Time, error) {
	at := strings.LastIndexAny(s, "+-")
	if at < 0 {
		return parseShortTime(s)
	}
	t, err := parseShortTime(s[:at])
	east, nerr := strconv.ParseUint(s[at+1:], 10, 16)
	if err != nil || nerr != nil {
		return time.Time{}, errSyntax
	}
	minutes := int(east)
	if len(s)-at-1 == 4 {
		minutes = minutes/100*60 + minutes%100
	}
	if minutes > 24*60 {
		return time.Time{}, errSyntax
	}
	if s[at] == '-' {
		minutes = -minutes
	}
	return t.Add(-time.Duration(minutes) * time.Minute), nil
}

// cmdSize tells how many bytes RETR would send, which for a file that has to be
// translated could be found out by reading it only.
func (c *Conn) cmdSize(name string) error {
	if c.translating() {
		return &Error{550, "SIZE is possible with TYPE I only"}
	}
	info, err := c.state.session.Stat(c.ctx, name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return syscall.EISDIR
	}
	return c.reply(213, strconv.FormatInt(info.Size(), 10))
}

// cmdMdtm tells a time. Some clients set one with it: then what precedes the
// first space is a time, and there is no file of the whole name.
func (c *Conn) cmdMdtm(arg string) error {
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	info, err := c.state.session.Stat(c.ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		value, file, ok := strings.Cut(arg, " ")
		if t, terr := parseZonedTime(value); ok && terr == nil {
			return c.setFact("Modify", t.Format(timeFormat), file, 253)
		}
	}
	if err != nil {
		return err
	}
	return c.reply(213, info.ModTime().UTC().Format(timeFormat))
}

func (c *Conn) cmdMfmt(arg string) error {
	value, name, _ := strings.Cut(arg, " ")
	return c.setFact("Modify", value, name, 213)
}

func (c *Conn) cmdMfct(arg string) error {
	value, name, _ := strings.Cut(arg, " ")
	return c.setFact("Create", value, name, 213)
}

// setFact changes one fact of a file. The reply has no fraction of a second.
func (c *Conn) setFact(fact, value, arg string, code int) error {
	change, err := c.factChange(fact, value, arg)
	if err != nil {
		return err
	}
	value, _, _ = strings.Cut(value, ".")
	return c.answer(change(), code, fact+"="+value+"; "+arg)
}

// cmdMff changes several facts. All are looked at before any is changed.
func (c *Conn) cmdMff(arg string) error {
	list, arg, _ := strings.Cut(arg, " ")
	facts, ok := strings.CutSuffix(list, ";")
	if !ok {
		return errSyntax
	}
	var changes []func() error
	for fact := range strings.SplitSeq(facts, ";") {
		fact, value, _ := strings.Cut(fact, "=")
		change, err := c.factChange(fact, value, arg)
		if err != nil {
			return err
		}
		changes = append(changes, change)
	}
	for _, change := range changes {
		if err := change(); err != nil {
			return err
		}
	}
	return c.reply(213, list+" "+arg)
}

// factChange returns what changes a fact of a file, if the session can.
func (c *Conn) factChange(fact, value, arg string) (func() error, error) {
	if arg == "" {
		return nil, errSyntax
	}
	name, err := c.resolve(arg)
	if err != nil {
		return nil, err
	}
	session := c.state.session
	switch strings.ToLower(fact) {
	case "modify":
		t, err := parseTime(value)
		if s, ok := session.(modTimeSetter); ok || err != nil {
			return func() error { return s.SetModTime(c.ctx, name, t) }, err
		}
	case "create":
		t, err := parseTime(value)
		if s, ok := session.(createTimeSetter); ok || err != nil {
			return func() error { return s.SetCreateTime(c.ctx, name, t) }, err
		}
	case "unix.mode":
		mode, err := parseMode(value)
		if s, ok := session.(chmodder); ok || err != nil {
			return func() error { return s.Chmod(c.ctx, name, mode) }, err
		}
	default:
		return nil, errNoParameter
	}
	return nil, errors.ErrUnsupported
}

// parseMode parses an octal mode.
func parseMode(s string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(s, 8, 12)
	if err != nil {
		return 0, errSyntax
	}
	return lsformat.FromUnixMode(uint32(n)), nil
}
