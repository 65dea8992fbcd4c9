package ftp

import (
	"bytes"
	"io"
)

// TYPE A (RFC 959 section 3.1.1.1): lines end in CR LF on the wire, and in LF
// in files.

// asciiPart is how much is translated at once.
const asciiPart = 64 << 10

// asciiWriter turns LF into CR LF, and leaves a CR LF that is there already.
type asciiWriter struct {
	w    io.Writer
	last byte
	buf  []byte
}

func (a *asciiWriter) Write(p []byte) (int, error) {
	for written := 0; written < len(p); {
		part := p[written:min(written+asciiPart, len(p))]
		a.buf = a.buf[:0]
		for _, b := range part {
			if b == '\n' && a.last != '\r' {
				a.buf = append(a.buf, '\r')
			}
			a.buf = append(a.buf, b)
			a.last = b
		}
		if _, err := a.w.Write(a.buf); err != nil {
			return written, err
		}
		written += len(part)
	}
	return len(p), nil
}

// asciiReader turns CR LF into LF. A CR alone stays.
type asciiReader struct {
	r    io.Reader
	held bool // a CR was read whose next byte was not
	err  error
}

func (a *asciiReader) Read(p []byte) (int, error) {
	if len(p) < 2 {
		return 0, io.ErrShortBuffer
	}
	for {
		if a.err != nil {
			if a.held {
				a.held = false
				p[0] = '\r'
				return 1, nil
			}
			return 0, a.err
		}
		start := 0
		if a.held {
			p[0], start = '\r', 1
		}
		n, err := a.r.Read(p[start:])
		a.err = err
		n += start
		if a.held = n > 0 && p[n-1] == '\r'; a.held {
			n--
		}
		if n = dropCR(p[:n]); n > 0 {
			return n, nil
		}
	}
}

// dropCR removes every CR that an LF follows, in place, and returns the length
// that is left.
func dropCR(p []byte) int {
	i := bytes.IndexByte(p, '\r')
	if i < 0 {
		return len(p)
	}
	out := i
	for ; i < len(p); i++ {
		if p[i] == '\r' && i+1 < len(p) && p[i+1] == '\n' {
			continue
		}
		p[out] = p[i]
		out++
	}
	return out
}
