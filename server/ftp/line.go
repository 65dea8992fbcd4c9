package ftp

import (
	"bytes"
	"errors"
	"io"
)

var (
	errLineTooLong = errors.New("ftp: command line too long")
	errFlood       = errors.New("ftp: endless command line")
)

const (
	smallBuffer = 256       // what an idle session keeps
	floodLimit  = 64 * 1024 // a line that goes on for longer ends the session
)

// lineReader reads command lines from a control connection. It keeps a small
// buffer, which grows for a long line up to the limit and shrinks afterwards,
// and survives a read that times out in the middle of a line.
type lineReader struct {
	buf     []byte
	start   int // of what is not consumed yet, in buf
	scanned int // no newline before this, in buf
	dropped int // bytes of a too long line thrown away so far
}

// readLine returns the next line without its end, which is CR LF or a bare LF,
// and without Telnet commands. The line is valid until the next call. A line
// longer than limit is errLineTooLong when its end has come, and errFlood when
// that does not come.
func (l *lineReader) readLine(r io.Reader, limit int) ([]byte, error) {
	if limit <= 0 {
		limit = floodLimit
	}
	for {
		if i := bytes.IndexByte(l.buf[l.scanned:], '\n'); i >= 0 {
			line := bytes.TrimSuffix(l.buf[l.start:l.scanned+i], []byte("\r"))
			l.start = l.scanned + i + 1
			l.scanned = l.start
			if l.dropped > 0 || len(line) > limit {
				l.dropped = 0
				return nil, errLineTooLong
			}
			return stripTelnet(line), nil
		}
		l.scanned = len(l.buf)
		if n := len(l.buf) - l.start; n > limit+1 {
			l.dropped += n
			l.reset()
			if l.dropped > floodLimit {
				return nil, errFlood
			}
		}
		if err := l.fill(r); err != nil {
			return nil, err
		}
	}
}

// fill reads once, making room first.
func (l *lineReader) fill(r io.Reader) error {
	if l.start > 0 {
		l.scanned -= l.start
		l.buf = l.buf[:copy(l.buf, l.buf[l.start:])]
		l.start = 0
	}
	switch {
	case len(l.buf) == 0 && cap(l.buf) != smallBuffer:
		l.buf = make([]byte, 0, smallBuffer)
	case len(l.buf) == cap(l.buf):
		l.buf = append(make([]byte, 0, 2*cap(l.buf)), l.buf...)
	}
	n, err := r.Read(l.buf[len(l.buf):cap(l.buf)])
	l.buf = l.buf[:len(l.buf)+n]
	if n > 0 {
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// reset forgets what was read.
func (l *lineReader) reset() {
	l.buf, l.start, l.scanned = l.buf[:0], 0, 0
}

// Telnet bytes (RFC 854). Clients send them ahead of ABOR (RFC 959 section
// 4.1.3); of the rest of Telnet FTP needs nothing (RFC 1123 section 4.1.2.12).
const (
	telnetSE   = 240
	telnetWILL = 251
	telnetDONT = 254
	telnetIAC  = 255
)

// stripTelnet removes Telnet commands from line, in place. IAC IAC is one byte
// 255. An IAC before something that is no command was followed by urgent data
// that the kernel has taken out of the stream, and is dropped alone.
func stripTelnet(line []byte) []byte {
	first := bytes.IndexByte(line, telnetIAC)
	if first < 0 {
		return line
	}
	out := line[:first]
	for i := first; i < len(line); i++ {
		if line[i] != telnetIAC {
			out = append(out, line[i])
			continue
		}
		if i+1 == len(line) {
			break
		}
		switch next := line[i+1]; {
		case next == telnetIAC:
			out = append(out, telnetIAC)
			i++
		case next >= telnetWILL && next <= telnetDONT:
			i += 2 // and the option that it is about
		case next >= telnetSE:
			i++
		}
	}
	return out
}
