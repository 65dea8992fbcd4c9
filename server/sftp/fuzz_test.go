package sftp

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// pipeChannel is a channel of SSH whose client has said all it will.
type pipeChannel struct {
	io.Reader
	bytes.Buffer
}

func (c *pipeChannel) Read(p []byte) (int, error)                     { return c.Reader.Read(p) }
func (c *pipeChannel) Close() error                                   { return nil }
func (c *pipeChannel) CloseWrite() error                              { return nil }
func (c *pipeChannel) SendRequest(string, bool, []byte) (bool, error) { return true, nil }
func (c *pipeChannel) Stderr() io.ReadWriter                          { return &bytes.Buffer{} }

var _ ssh.Channel = (*pipeChannel)(nil)

// fuzzSession has the files of a directory, and a bound on how large they get.
type fuzzSession struct{ root *os.Root }

func rel(name string) string {
	if !strings.HasPrefix(name, "/") || strings.Contains(name, "/../") || strings.Contains(name, "\x00") {
		panic("a name is not clean: " + name)
	}
	if name == "/" {
		return "."
	}
	return name[1:]
}

func (s fuzzSession) Stat(_ context.Context, n string) (fs.FileInfo, error) {
	return s.root.Stat(rel(n))
}
func (s fuzzSession) Lstat(_ context.Context, n string) (fs.FileInfo, error) {
	return s.root.Lstat(rel(n))
}
func (s fuzzSession) List(_ context.Context, n string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		info, err := s.root.Lstat(rel(n))
		yield(info, err)
	}
}
func (s fuzzSession) OpenFile(_ context.Context, n string, flag int, perm fs.FileMode) (File, error) {
	f, err := s.root.OpenFile(rel(n), flag, perm.Perm())
	if err != nil {
		return nil, err
	}
	return fuzzFile{f}, nil
}
func (s fuzzSession) Mkdir(_ context.Context, n string, _ fs.FileMode) error {
	return s.root.Mkdir(rel(n), 0o700)
}
func (s fuzzSession) Remove(_ context.Context, n string) error    { return s.root.Remove(rel(n)) }
func (s fuzzSession) RemoveDir(_ context.Context, n string) error { return s.root.Remove(rel(n)) }
func (s fuzzSession) Rename(_ context.Context, a, b string) error {
	return s.root.Rename(rel(a), rel(b))
}
func (s fuzzSession) RenameNew(_ context.Context, a, b string) error {
	return s.root.Rename(rel(a), rel(b))
}
func (s fuzzSession) Link(_ context.Context, a, b string) error { return s.root.Link(rel(a), rel(b)) }
func (s fuzzSession) Symlink(_ context.Context, target, n string) error {
	return s.root.Symlink(target, rel(n))
}
func (s fuzzSession) Readlink(_ context.Context, n string) (string, error) {
	return s.root.Readlink(rel(n))
}
func (s fuzzSession) Realpath(_ context.Context, n string) (string, error) { return n, nil }
func (s fuzzSession) Chmod(context.Context, string, fs.FileMode) error     { return nil }
func (s fuzzSession) Chtimes(context.Context, string, time.Time, time.Time) error {
	return nil
}
func (s fuzzSession) Done() <-chan struct{} { return nil }
func (s fuzzSession) Close() error          { return nil }

type fuzzFile struct{ *os.File }

func (f fuzzFile) WriteAt(p []byte, at int64) (int, error) {
	if at > 1<<20 {
		return 0, ErrQuota
	}
	return f.File.WriteAt(p, at)
}

func (f fuzzFile) Truncate(size int64) error {
	if size > 1<<20 {
		return ErrQuota
	}
	return f.File.Truncate(size)
}

// fuzzChannel is a channel on which the client says input.
func fuzzChannel(t *testing.T, input []byte) (*channel, *pipeChannel) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	if err := root.WriteFile("f", []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	pipe := &pipeChannel{Reader: bytes.NewReader(input)}
	c := &Conn{server: New(Options{Limits: Limits{MaxHandles: 100}}), log: noLogger, user: "alice", account: &account{hashes: make(chan struct{}, 1)}, wire: newWire(nil)}
	ch := &channel{conn: c, session: fuzzSession{root}, ssh: pipe}
	ch.input.init(pipe, &c.wire.inflow)
	ch.ctx, ch.cancel = context.WithCancel(t.Context())
	c.ctx, c.cancel = ch.ctx, ch.cancel
	t.Cleanup(ch.cancel)
	return ch, pipe
}

// call is a packet, for the seeds.
func call(kind byte, values ...any) []byte {
	var e encoder
	e.uint32(0)
	e.byte(kind)
	for _, v := range values {
		switch v := v.(type) {
		case int:
			e.uint32(uint32(v))
		case uint64:
			e.uint64(v)
		case string:
			e.string(v)
		}
	}
	binary.BigEndian.PutUint32(e.b, uint32(len(e.b)-4))
	return e.b
}

func FuzzPackets(f *testing.F) {
	first := "\x00\x00\x00\x01"
	for _, seed := range [][][]byte{
		{call(fxpOpen, 1, "/f", openRead|openWrite, 0), call(fxpRead, 2, first, uint64(3), 4), call(fxpWrite, 3, first, uint64(1), "x"), call(fxpClose, 4, first)},
		{call(fxpOpendir, 1, "/"), call(fxpReaddir, 2, first), call(fxpReaddir, 3, first), call(fxpFstat, 4, first)},
		{call(fxpStat, 1, "f"), call(fxpLstat, 2, "/f"), call(fxpRealpath, 3, "../x"), call(fxpReadlink, 4, "/f")},
		{call(fxpSetstat, 1, "/f", attrSize|attrOwner|attrPermissions|attrTimes, uint64(3), 1, 2, 0o600, 5, 6), call(fxpMkdir, 2, "/d", 0), call(fxpRmdir, 3, "/d")},
		{call(fxpRename, 1, "/f", "/g"), call(fxpSymlink, 2, "/g", "/l"), call(fxpRemove, 3, "/l")},
		{call(fxpExtended, 1, "statvfs@openssh.com", "/"), call(fxpExtended, 2, "limits@openssh.com"), call(fxpExtended, 3, "expand-path@openssh.com", "~/x")},
		{call(fxpOpen, 1, "/f", openRead|openWrite, 0), call(fxpExtended, 2, "copy-data", first, uint64(0), uint64(3), first, uint64(5)), call(fxpExtended, 3, "fsync@openssh.com", first)},
		{call(fxpExtended, 1, "users-groups-by-id@openssh.com", first, first), call(fxpExtended, 1, "lsetstat@openssh.com", "/f", 0), {0xff, 0xff, 0xff, 0xff}},
	} {
		f.Add(bytes.Join(seed, nil))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		ch, pipe := fuzzChannel(t, append(call(fxpInit, 3), input...))
		ch.serveSFTP()
		if n := ch.conn.activity.handles.Load(); n != 0 {
			t.Errorf("%d handles are left", n)
		}
		if n := ch.conn.activity.transfers(); n != 0 {
			t.Errorf("%d transfers are left", n)
		}
		for out := pipe.Bytes(); len(out) > 0; {
			n := binary.BigEndian.Uint32(out)
			if n < 5 || n > maxPacket || int(n) > len(out)-4 {
				t.Fatalf("a reply has the length %d", n)
			}
			out = out[4+n:]
		}
	})
}

func FuzzSCP(f *testing.F) {
	for _, seed := range [][2]string{
		{"scp -t /", "C0644 3 x\nabc\x00"},
		{"scp -rpt d", "T1 0 2 0\nD0755 0 d\nC0644 0 x\n\x00E\n"},
		{"scp -f f", "\x00\x00\x00"},
		{"scp -rpf '/' f*", "\x00\x00\x00\x00\x00\x00\x00"},
		{"scp -rf f '[' \\*", "\x00\x01no\n\x02stop\n"},
		{`scp -t -- "a\"b"`, "\x01oops\nC0644 10 x\nabc"},
		{"md5sum f", ""},
	} {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, command string, input []byte) {
		ch, _ := fuzzChannel(t, input)
		ch.exec(command)
		if n := ch.conn.activity.transfers(); n != 0 {
			t.Errorf("%d transfers are left", n)
		}
	})
}

func FuzzPrelude(f *testing.F) {
	kex := append([]byte{msgKexInit}, make([]byte, 16)...)
	for range 10 {
		kex = append(kex, 0, 0, 0, 3, 'a', ',', 'b')
	}
	f.Add(plainPacket(kex))
	f.Add(plainPacket(disconnectPayload(11, "bye")))
	f.Fuzz(func(t *testing.T, input []byte) {
		if packet, complete := firstPacket(input); complete {
			kexInitOffers(packet)
		}
	})
}
