package sftp_test

import (
	"encoding/binary"
	"io"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// Kinds of packets, as the wire has them.
const (
	fxpInit, fxpVersion                                            = 1, 2
	fxpOpen, fxpClose, fxpRead, fxpWrite, fxpLstat, fxpFstat       = 3, 4, 5, 6, 7, 8
	fxpSetstat, fxpFsetstat, fxpOpendir, fxpReaddir, fxpRemove     = 9, 10, 11, 12, 13
	fxpMkdir, fxpRmdir, fxpRealpath, fxpStat, fxpRename            = 14, 15, 16, 17, 18
	fxpReadlink, fxpSymlink                                        = 19, 20
	fxpStatus, fxpHandle, fxpData, fxpName, fxpAttrs, fxpExtended  = 101, 102, 103, 104, 105, 200
	fxpExtendedReply                                               = 201
	statusOK, statusEOF, statusNoSuchFile, statusDenied, statusBad = 0, 1, 2, 3, 5
	statusFailure, statusUnsupported                               = 4, 8
	openRead, openWrite, openAppend, openCreate, openTruncate      = 1, 2, 4, 8, 16
)

// A raw client sends and reads packets of SFTP one by one.
type raw struct {
	t       *testing.T
	channel ssh.Channel
	id      uint32
	version map[string]string // extensions that the server has told
}

// raw opens the subsystem without a client library.
func (f *fixture) raw() *raw {
	f.t.Helper()
	return f.rawSession(f.ssh())
}

func (f *fixture) rawSession(client *ssh.Client) *raw {
	f.t.Helper()
	r := f.rawChannel(client)
	r.send(packet(fxpInit, uint32(3)))
	kind, body := r.receive()
	if kind != fxpVersion || binary.BigEndian.Uint32(body) != 3 {
		f.t.Fatalf("the server answered INIT with %d %q", kind, body)
	}
	r.version = map[string]string{}
	for body = body[4:]; len(body) > 0; {
		var name, version string
		name, body = cutString(body)
		version, body = cutString(body)
		r.version[name] = version
	}
	return r
}

func (f *fixture) rawChannel(client *ssh.Client) *raw {
	f.t.Helper()
	ch, reqs, err := client.OpenChannel("session", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	if ok, err := ch.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"})); err != nil || !ok {
		f.t.Fatalf("the subsystem was refused: %v", err)
	}
	return &raw{t: f.t, channel: ch}
}

// packet makes a packet. Strings and []byte are with their length; a raw value
// is not.
func packet(kind byte, values ...any) []byte {
	b := []byte{0, 0, 0, 0, kind}
	for _, v := range values {
		switch v := v.(type) {
		case byte:
			b = append(b, v)
		case uint32:
			b = binary.BigEndian.AppendUint32(b, v)
		case uint64:
			b = binary.BigEndian.AppendUint64(b, v)
		case string:
			b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
			b = append(b, v...)
		default:
			panic(v)
		}
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func cutString(b []byte) (string, []byte) {
	n := binary.BigEndian.Uint32(b)
	return string(b[4 : 4+n]), b[4+n:]
}

func (r *raw) send(b []byte) {
	r.t.Helper()
	if _, err := r.channel.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// ask sends a request and returns its id.
func (r *raw) ask(kind byte, values ...any) uint32 {
	r.t.Helper()
	r.id++
	r.send(packet(kind, append([]any{r.id}, values...)...))
	return r.id
}

func (r *raw) receive() (kind byte, body []byte) {
	r.t.Helper()
	kind, body, err := r.tryReceive()
	if err != nil {
		r.t.Fatalf("reading a reply: %v", err)
	}
	return kind, body
}

func (r *raw) tryReceive() (kind byte, body []byte, err error) {
	stop := time.AfterFunc(deadline, func() { r.channel.Close() })
	defer stop.Stop()
	var head [4]byte
	if _, err := io.ReadFull(r.channel, head[:]); err != nil {
		return 0, nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(r.channel, b); err != nil {
		return 0, nil, err
	}
	return b[0], b[1:], nil
}

// call sends a request and returns the reply to it, without the id.
func (r *raw) call(kind byte, values ...any) (byte, []byte) {
	r.t.Helper()
	id := r.ask(kind, values...)
	got, body := r.receive()
	if binary.BigEndian.Uint32(body) != id {
		r.t.Fatalf("the reply is to %d, not to %d", binary.BigEndian.Uint32(body), id)
	}
	return got, body[4:]
}

// status sends a request and returns the status that it is answered with.
func (r *raw) status(kind byte, values ...any) (code uint32, text string) {
	r.t.Helper()
	got, body := r.call(kind, values...)
	if got != fxpStatus {
		r.t.Fatalf("the reply is of kind %d: %q", got, body)
	}
	text, _ = cutString(body[4:])
	return binary.BigEndian.Uint32(body), text
}

// want sends a request that is to be answered with a status.
func (r *raw) want(code uint32, kind byte, values ...any) string {
	r.t.Helper()
	got, text := r.status(kind, values...)
	if got != code {
		r.t.Errorf("request %d: status %d %q, not %d", kind, got, text, code)
	}
	return text
}

// open opens a file and returns its handle.
func (r *raw) open(name string, flags int) string {
	r.t.Helper()
	return r.handle(fxpOpen, name, uint32(flags), uint32(0))
}

func (r *raw) handle(kind byte, values ...any) string {
	r.t.Helper()
	got, body := r.call(kind, values...)
	if got != fxpHandle {
		r.t.Fatalf("no handle but %d: %q", got, body)
	}
	h, _ := cutString(body)
	return h
}

// read reads from a file, "" being its end.
func (r *raw) read(handle string, offset uint64, length uint32) string {
	r.t.Helper()
	kind, body := r.call(fxpRead, handle, offset, length)
	switch {
	case kind == fxpData:
		data, _ := cutString(body)
		return data
	case kind == fxpStatus && binary.BigEndian.Uint32(body) == statusEOF:
		return ""
	}
	r.t.Fatalf("READ was answered with %d: %q", kind, body)
	return ""
}

// name sends a request that is to be answered with one name.
func (r *raw) name(kind byte, values ...any) string {
	r.t.Helper()
	got, body := r.call(kind, values...)
	if got != fxpName || binary.BigEndian.Uint32(body) != 1 {
		r.t.Fatalf("no name but %d: %q", got, body)
	}
	name, _ := cutString(body[4:])
	return name
}
