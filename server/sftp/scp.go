package sftp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
)

// maxSCPLine is the longest line of the protocol: a name of 4096 bytes, and
// the numbers before it.
const maxSCPLine = 4096 + 128

// The protocol of scp has no document. Both sides send lines that a byte
// begins, and answer each with a zero byte:
//
//	C0644 SIZE NAME    a file, whose bytes and a zero byte follow
//	D0755 0 NAME       a directory begins
//	E                  a directory ends
//	TMTIME 0 ATIME 0   the times of what comes next, with -p
//	\x01TEXT           an error; the other side goes on
//	\x02TEXT           an error that ends the session

// An scp is one run of scp on a channel: with -t it takes files (the sink),
// with -f it sends some (the source).
type scp struct {
	ch      *channel
	conn    *Conn
	ctx     context.Context
	session Session
	log     *slog.Logger
	in      *bufio.Reader

	recursive bool // -r
	times     bool // -p
	mustBeDir bool // -d
	failed    bool // something was not transferred
}

// errSCPUsage is told to a client whose options are none.
var errSCPUsage = &Error{StatusFailure, "usage: scp [-dprv] -t|-f name..."}

// scp is the program of an "scp -t" or "scp -f" command. It returns the exit
// status.
func (ch *channel) scp(args []word) int {
	s := &scp{
		ch: ch, conn: ch.conn, ctx: ch.ctx, session: ch.session, log: ch.conn.log.With("user", ch.conn.User()),
		in: bufio.NewReaderSize(patient{ch}, maxSCPLine),
	}
	sink, source, names, err := s.options(args)
	switch {
	case err == nil && sink && !source && len(names) == 1:
		err = s.sink(names[0].text)
	case err == nil && source && !sink && len(names) > 0:
		err = s.source(names)
	default:
		err = errSCPUsage
	}
	if err != nil {
		s.fatal(err)
		return 1
	}
	if s.failed {
		return 1
	}
	return 0
}

// options takes options, and returns the names that follow.
func (s *scp) options(args []word) (sink, source bool, names []word, err error) {
	for i, arg := range args {
		switch {
		case arg.text == "--":
			return sink, source, args[i+1:], nil
		case !strings.HasPrefix(arg.text, "-") || arg.text == "-":
			return sink, source, args[i:], nil
		}
		for _, option := range arg.text[1:] {
			switch option {
			case 't':
				sink = true
			case 'f':
				source = true
			case 'r':
				s.recursive = true
			case 'p':
				s.times = true
			case 'd':
				s.mustBeDir = true
			case 'v', 'q':
			default:
				return false, false, nil, errSCPUsage
			}
		}
	}
	return sink, source, nil, nil
}

// errSCPGone means that the client has closed the channel, or said that it gives up.
var errSCPGone = errors.New("sftp: the scp client has given up")

// absolute makes a name absolute, like the shell that scp expects.
func (s *scp) absolute(name string) (string, error) {
	if name == "" {
		name = "."
	}
	if name == "~" || strings.HasPrefix(name, "~/") {
		name = "." + name[1:]
	}
	return absolute(name)
}

// write writes to the client.
func (s *scp) write(b []byte) error {
	err := s.ch.write(b)
	if errors.Is(err, io.EOF) {
		err = errSCPGone
	}
	return err
}

// ok acknowledges a line or a file.
func (s *scp) ok() error { return s.write([]byte{0}) }

// warn tells of an error after which the transfer goes on with the next file.
func (s *scp) warn(name string, err error) error {
	s.failed = true
	return s.write([]byte("\x01scp: " + line(name) + ": " + reply(err, s.log).Text + "\n"))
}

// fatal tells of an error that ends the transfer.
func (s *scp) fatal(err error) {
	if !errors.Is(err, errSCPGone) {
		s.write([]byte("\x02scp: " + reply(err, s.log).Text + "\n"))
	}
}

// acknowledged reads the client's answer. A warning is no error: the client
// leaves out this file, and ok is false.
func (s *scp) acknowledged() (ok bool, err error) {
	c, err := s.in.ReadByte()
	if err != nil {
		return false, errSCPGone
	}
	switch c {
	case 0:
		return true, nil
	case 1:
		s.failed = true
		_, err := s.readLine()
		return false, err
	}
	return false, errSCPGone
}

// readLine reads the rest of a line.
func (s *scp) readLine() (string, error) {
	b, err := s.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", &Error{StatusBadMessage, "line is too long"}
	case err != nil:
		return "", errSCPGone
	}
	s.conn.activity.touch()
	return string(b[:len(b)-1]), nil
}

// opened notes that a file is open, which the client is in the midst of sending
// or taking, until closed is called.
func (s *scp) opened() error {
	err := s.conn.reserve(kindFile)
	s.ch.input.within.Store(err == nil)
	return err
}

func (s *scp) closed() {
	s.ch.input.within.Store(false)
	s.conn.release(kindFile)
}

// line makes a name fit for a line.
func line(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == 0 {
			return '?'
		}
		return r
	}, name)
}

// transfer makes the record of a transfer.
func (s *scp) transfer(direction Direction, name string) TransferRecord {
	verb := "GET"
	if direction == Upload {
		verb = "PUT"
	}
	return TransferRecord{Verb: verb, Via: "scp", Path: name, Direction: direction}
}

// scpMode is the mode of a file as the protocol has it.
func scpMode(info fs.FileInfo) string { return fmt.Sprintf("%04o", toUnixMode(info.Mode())&0o7777) }

// setAttributes sets the mode and times. That it may not be possible is no
// reason for the upload to fail.
func (s *scp) setAttributes(name string, mode fs.FileMode, times *scpHeader) {
	s.tell(name, s.session.Chmod(s.ctx, name, mode))
	if times != nil {
		s.tell(name, s.session.Chtimes(s.ctx, name, times.accessed, times.modified))
	}
}

func (s *scp) tell(name string, err error) {
	if err != nil {
		s.log.Debug("attributes were not set", "path", name, "error", err)
	}
}
