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
	start   int  // of what is not consumed yet, in buf
	scanned int  // no newline before this, in buf
	dropped int  // bytes of a too long line thrown away so far
	noLF    bool // the last line was taken without its LF, which may still come
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
		if l.noLF && l.start < len(l.buf) {
			if l.noLF = false; l.buf[l.start] == '\n' {
				l.start++
				l.scanned = l.start
			}
		}
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
		if abort := unfinishedAbort(l.buf[l.start:]); abort != nil && l.dropped == 0 {
			l.start, l.noLF = l.scanned, true
			return abort, nil
		}
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

// unfinishedAbort returns ABOR if that has come with CR and without LF, and nil for
// anything else. Clients send the LF, or what comes before ABOR, as urgent data,
// and a proxy on the way may lose the byte that is marked as such.
func unfinishedAbort(pending []byte) []byte {
	const most = 16 // ABOR, CR and what Telnet may put before them
	if len(pending) > most || !bytes.HasSuffix(pending, []byte("\r")) {
		return nil
	}
	line := stripTelnet(bytes.Clone(pending[:len(pending)-1]))
	if !bytes.EqualFold(line, []byte("ABOR")) {
		return nil
	}
	return line
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
	telnetSB   = 250
	telnetWILL = 251
	telnetDONT = 254
	telnetIAC  = 255
)

// stripTelnet removes Telnet commands from line, in place, wherever they are. IAC
// IAC is one byte 255. Of a command one byte may be missing, which was marked as
// urgent and got lost on the way: so an IAC before something that is no command is
// dropped alone, and so are bytes of Telnet at the start, where a verb is to be.
func stripTelnet(line []byte) []byte {
	if first := bytes.IndexByte(line, telnetIAC); first >= 0 {
		line = append(line[:first], withoutCommands(line[first:])...)
	}
	for len(line) > 0 && line[0] >= telnetSE {
		line = line[1:]
	}
	return line
}

// withoutCommands does so in place.
func withoutCommands(line []byte) []byte {
	out := line[:0]
	for i := 0; i < len(line); i++ {
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
		case next == telnetSB:
			end := bytes.Index(line[i:], []byte{telnetIAC, telnetSE})
			i += max(end, 0) + 1
		case next >= telnetWILL && next <= telnetDONT:
			i += 2 // and the option that it is about
		case next >= telnetSE:
			i++
		}
	}
	return out
}
