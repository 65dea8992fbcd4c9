package sftp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

const (
	maxVersionLine = 255   // RFC 4253 section 4.2
	maxKexInit     = 35000 // RFC 4253 section 6.1
	msgKexInit     = 20    // RFC 4253 section 12

	// kexInitWait is how long the client's first packet is awaited before
	// the server's own is sent. It comes within one round trip, except from
	// clients that wait for the server's: those are served after this.
	kexInitWait = 250 * time.Millisecond
)

// errNotSSH means that what connected does not speak SSH 2.
var errNotSSH = errors.New("sftp: the client does not speak SSH 2")

// A prelude is what a client has said before any state of SSH is made.
type prelude struct {
	client string // identification, without "SSH-2.0-"
	offers offers // of its first packet; empty if it waits for ours
}

// offers are the algorithms that a client names in its SSH_MSG_KEXINIT, the most
// wanted first. Of those that each direction has, they are what both have.
type offers struct {
	keyExchanges, hostKeys, ciphers, macs []string
}

// readPrelude sends the server's identification and reads the client's, and
// looks at its first packet. All that is read remains to be read by SSH.
// Sending is left out of what SSH does.
func (w *wire) readPrelude(version string) (prelude, error) {
	var p prelude
	line := version + "\r\n"
	if _, err := w.Write([]byte(line)); err != nil {
		return p, err
	}
	defer func() { w.skip = len(line) }()

	buf := make([]byte, 0, 2048)
	for {
		if i := bytes.IndexByte(buf, '\n'); i >= 0 || len(buf) > maxVersionLine {
			first, rest, _ := bytes.Cut(buf, []byte("\n"))
			id := strings.TrimSuffix(string(first), "\r")
			_, software, ok := strings.Cut(strings.TrimPrefix(id, "SSH-"), "-")
			if i < 0 || !ok || !strings.HasPrefix(id, "SSH-2.0-") && !strings.HasPrefix(id, "SSH-1.99-") {
				return p, errNotSSH
			}
			p.client = software
			return p, w.peekKexInit(&p, buf, len(buf)-len(rest))
		}
		var err error
		if buf, err = w.more(buf); err != nil {
			return p, err
		}
	}
}

// peekKexInit looks for the client's SSH_MSG_KEXINIT, which begins at offset at
// of buf.
func (w *wire) peekKexInit(p *prelude, buf []byte, at int) error {
	w.SetReadDeadline(time.Now().Add(kexInitWait))
	defer w.SetReadDeadline(time.Time{})
	for {
		packet, complete := firstPacket(buf[at:])
		if complete {
			w.in, w.packet = buf, true
			p.offers = kexInitOffers(packet)
			return nil
		}
		var err error
		if buf, err = w.more(buf); err != nil {
			w.in = buf
			if ne, ok := err.(interface{ Timeout() bool }); ok && ne.Timeout() {
				return nil
			}
			return err
		}
	}
}

// more reads more to the end of buf.
func (w *wire) more(buf []byte) ([]byte, error) {
	if len(buf) == cap(buf) {
		buf = append(buf, make([]byte, len(buf))...)[:len(buf)]
	}
	n, err := w.Conn.Read(buf[len(buf):cap(buf)])
	if n > 0 {
		err = nil
	}
	return buf[:len(buf)+n], err
}

// firstPacket returns the payload of the unencrypted packet at the beginning of
// b (RFC 4253 section 6), and whether b has all of it. Of one that cannot be
// right it says so, with no payload, and leaves it to SSH to refuse it.
func firstPacket(b []byte) (payload []byte, complete bool) {
	if len(b) < 5 {
		return nil, false
	}
	length, padding := binary.BigEndian.Uint32(b), uint32(b[4])
	switch {
	case length > maxKexInit || padding+1 > length:
		return nil, true
	case uint32(len(b)-4) < length:
		return nil, false
	}
	return b[5 : 4+length-padding], true
}

// kexInitOffers returns what a client names in its SSH_MSG_KEXINIT (RFC 4253
// section 7.1). Of a packet that cannot be right it returns nothing, and leaves
// it to SSH to refuse it.
func kexInitOffers(payload []byte) offers {
	const cookie = 16
	if len(payload) < 1+cookie || payload[0] != msgKexInit {
		return offers{}
	}
	d := decoder{b: payload[1+cookie:]}
	list := func() []string { return strings.Split(d.string(), ",") }
	o := offers{keyExchanges: list(), hostKeys: list()}
	o.ciphers = inBoth(list(), list())
	o.macs = inBoth(list(), list())
	if d.failed {
		return offers{}
	}
	return o
}

// inBoth returns those of a that are in b. Both may be as long as a packet holds.
func inBoth(a, b []string) []string {
	in := make(map[string]bool, len(b))
	for _, name := range b {
		in[name] = true
	}
	var both []string
	for _, name := range a {
		if in[name] {
			both = append(both, name)
		}
	}
	return both
}
