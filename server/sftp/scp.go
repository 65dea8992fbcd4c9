package sftp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// The protocol of scp has no document. Both sides send lines that a byte
// begins, and answer each with a zero byte:
//
//	C0644 SIZE NAME    a file, whose bytes and a zero byte follow
//	D0755 0 NAME       a folder begins
//	E                  a folder ends
//	TMTIME 0 ATIME 0   the times of what comes next, with -p
//	\x01TEXT           an error; the other side goes on
//	\x02TEXT           an error that ends the session

// maxLine is the longest line of scp that is read.
const maxLine = 8 << 10

// A scp is one run of scp on a channel.
type scp struct {
	ch     *channel
	ctx    context.Context
	in     *bufio.Reader
	out    *bufio.Writer
	log    func(error) *Error
	home   string
	failed bool

	recursive bool // -r
	times     bool // -p
	folder    bool // -d: the target has to be a folder
}

var (
	errSCPUsage    = errors.New("the arguments of scp are not understood")
	errSCPProtocol = errors.New("sftp: the client does not keep to the protocol of scp")
)

// scp serves scp's own protocol, which `scp -O` and old clients use. It returns
// the exit status.
func (ch *channel) scp(args []word) int {
	s := &scp{
		ch: ch, ctx: ch.ctx, in: bufio.NewReaderSize(ch.ssh, maxLine), out: bufio.NewWriterSize(ch.ssh, maxLine),
		home: startDirectory(ch.session),
		log:  func(err error) *Error { return reply(err, ch.conn.log.With("user", ch.conn.User())) },
	}
	run, names, err := s.parse(args)
	if err != nil {
		ch.warn("scp: " + err.Error())
		return 1
	}
	err = run(names)
	if err == nil {
		err = s.out.Flush()
	}
	if err != nil {
		var shown *Error
		if errors.As(err, &shown) {
			ch.warn("scp: " + shown.Text)
		} else if ch.ctx.Err() == nil {
			ch.conn.log.Debug("a session of scp failed", "error", err)
		}
		return 1
	}
	if s.failed {
		return 1
	}
	return 0
}

// parse reads the flags that the client's scp gives to that of the server.
func (s *scp) parse(args []word) (run func(names []word) error, names []word, err error) {
	for i, a := range args {
		if a.text == "--" {
			names = args[i+1:]
			break
		}
		if !strings.HasPrefix(a.text, "-") {
			names = args[i:]
			break
		}
		for _, flag := range a.text[1:] {
			switch flag {
			case 'f':
				run = s.source
			case 't':
				run = s.sink
			case 'r':
				s.recursive = true
			case 'p':
				s.times = true
			case 'd':
				s.folder = true
			case 'v', 'q':
			default:
				return nil, nil, errSCPUsage
			}
		}
	}
	if run == nil || len(names) == 0 {
		return nil, nil, errSCPUsage
	}
	return run, names, nil
}

// absolute is like that of a subsystem; a word that begins with a tilde is
// meant from where the session starts.
func (s *scp) absolute(name string) (string, error) {
	if strings.ContainsAny(name, "\x00\n") {
		return "", errName
	}
	if name == "~" || strings.HasPrefix(name, "~/") {
		name = name[1:]
		return path.Join(s.home, name), nil
	}
	if !path.IsAbs(name) {
		name = s.home + "/" + name
	}
	return path.Clean("/" + name), nil
}

// warn tells the client's scp that something went wrong with name, which it
// shows, and goes on.
func (s *scp) warn(name string, err error) error {
	s.failed = true
	if _, err := fmt.Fprintf(s.out, "\x01scp: %s: %s\n", strings.ToValidUTF8(name, "?"), s.log(err).Text); err != nil {
		return err
	}
	return s.out.Flush()
}

// ok answers that all is well.
func (s *scp) ok() error {
	if err := s.out.WriteByte(0); err != nil {
		return err
	}
	return s.out.Flush()
}

// errAnswer is an error that the other side has reported, and goes on after.
var errAnswer = errors.New("sftp: the client's scp reported an error")

// answer reads what the client says to what it was sent.
func (s *scp) answer() error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	b, err := s.in.ReadByte()
	if err != nil {
		return err
	}
	switch b {
	case 0:
		return nil
	case 1, 2:
		if _, err := s.in.ReadSlice('\n'); err != nil {
			return errSCPProtocol
		}
		s.failed = true
		if b == 1 {
			return errAnswer
		}
	}
	return errSCPProtocol
}

// line reads a line without its newline.
func (s *scp) line() (string, error) {
	b, err := s.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", errSCPProtocol
	}
	if err != nil {
		if errors.Is(err, io.EOF) && len(b) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	s.ch.conn.activity.touch()
	return string(b[:len(b)-1]), nil
}

// parseNumber parses a number that is not negative.
func parseNumber(s string, base int) (int64, error) {
	n, err := strconv.ParseInt(s, base, 64)
	if err != nil || n < 0 {
		return 0, errSCPProtocol
	}
	return n, nil
}
