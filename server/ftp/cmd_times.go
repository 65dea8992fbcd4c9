package ftp

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/lsformat"
)

// RFC 3659 sections 3 and 4, and draft-somers-ftp-mfxx: sizes and times.
var _ = register(map[string]*command{
	"SIZE": {(*Conn).cmdSize, needArg, "name"},
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
func (c *Conn) cmdSize(arg string) error {
	if c.translating() {
		return &Error{550, "SIZE is possible with TYPE I only"}
	}
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	info, err := c.state.session.Stat(c.ctx, name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return &Error{550, "Is a directory"}
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
		if value, file, ok := strings.Cut(arg, " "); ok {
			if t, terr := parseZonedTime(value); terr == nil {
				return c.setModTime(t, file, 253)
			}
		}
	}
	if err != nil {
		return err
	}
	return c.reply(213, info.ModTime().UTC().Format(timeFormat))
}

func (c *Conn) cmdMfmt(arg string) error {
	t, name, err := splitTime(arg)
	if err != nil {
		return err
	}
	return c.setModTime(t, name, 213)
}

func splitTime(arg string) (time.Time, string, error) {
	value, name, ok := strings.Cut(arg, " ")
	if !ok || name == "" {
		return time.Time{}, "", errSyntax
	}
	t, err := parseTime(value)
	return t, name, err
}

func (c *Conn) setModTime(t time.Time, arg string, code int) error {
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	s, ok := c.state.session.(ModTimeSetter)
	if !ok {
		return errors.ErrUnsupported
	}
	if err := s.SetModTime(c.ctx, name, t); err != nil {
		return err
	}
	return c.reply(code, "Modify="+t.UTC().Format(timeFormat)+"; "+arg)
}

func (c *Conn) cmdMfct(arg string) error {
	t, arg, err := splitTime(arg)
	if err != nil {
		return err
	}
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	s, ok := c.state.session.(createTimeSetter)
	if !ok {
		return errors.ErrUnsupported
	}
	if err := s.SetCreateTime(c.ctx, name, t); err != nil {
		return err
	}
	return c.reply(213, "Create="+t.UTC().Format(timeFormat)+"; "+arg)
}

// cmdMff changes several facts. All are looked at before any is changed.
func (c *Conn) cmdMff(arg string) error {
	list, arg, ok := strings.Cut(arg, " ")
	if !ok || arg == "" || !strings.HasSuffix(list, ";") {
		return errSyntax
	}
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	var changes []func() error
	for fact := range strings.SplitSeq(strings.TrimSuffix(list, ";"), ";") {
		change, err := c.factChange(fact, name)
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

func (c *Conn) factChange(fact, name string) (func() error, error) {
	key, value, _ := strings.Cut(fact, "=")
	switch strings.ToLower(key) {
	case "modify":
		t, err := parseTime(value)
		if s, ok := c.state.session.(ModTimeSetter); ok || err != nil {
			return func() error { return s.SetModTime(c.ctx, name, t) }, err
		}
	case "create":
		t, err := parseTime(value)
		if s, ok := c.state.session.(createTimeSetter); ok || err != nil {
			return func() error { return s.SetCreateTime(c.ctx, name, t) }, err
		}
	case "unix.mode":
		mode, err := parseMode(value)
		if s, ok := c.state.session.(Chmodder); ok || err != nil {
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
