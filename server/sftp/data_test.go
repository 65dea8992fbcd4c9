package sftp_test

import (
	"context"
	"encoding/binary"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
)

func TestWritesMayComeInAnyOrder(t *testing.T) {
	t.Parallel()
	f := serve(t)
	r := f.raw()
	h := r.open("/f", openWrite|openCreate|openTruncate)
	content := random(10 * 32 << 10)
	for _, i := range []int{9, 0, 5, 3, 1, 8, 2, 7, 4, 6} {
		at := i * 32 << 10
		r.want(statusOK, fxpWrite, h, uint64(at), content[at:at+32<<10])
	}
	r.want(statusOK, fxpClose, h)
	if f.content("f") != content {
		t.Error("the file is not what was written")
	}
}

func TestAnUploadIsResumedAnywhereAndRenamed(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("f.filepart", "first half,")
	r := f.raw()
	h := r.open("/f.filepart", openWrite)
	r.want(statusOK, fxpWrite, h, uint64(11), " second half")
	r.want(statusOK, fxpClose, h)
	r.want(statusOK, fxpRename, "f.filepart", "f")
	if got := f.content("f"); got != "first half, second half" {
		t.Errorf("the file is %q", got)
	}
}

func TestAppendGoesToTheEndWhateverTheOffset(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("f", "12345")
	r := f.raw()
	h := r.open("/f", openWrite|openAppend)
	r.want(statusOK, fxpWrite, h, uint64(0), "678")
	r.want(statusOK, fxpWrite, h, uint64(0), "9")
	if got := f.content("f"); got != "123456789" {
		t.Errorf("the file is %q", got)
	}
}

// The time is a bound from below: a slow machine does not fail it.
func TestTheFirstReadOfParamikoWaitsForMoreToCome(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("f", random(3*32<<10))
	client, err := f.dialConfig(&ssh.ClientConfig{
		User: "alice", Auth: []ssh.AuthMethod{ssh.PublicKeys(f.key)}, ClientVersion: "SSH-2.0-paramiko_3.5.0",
	})
	if err != nil {
		t.Fatal(err)
	}
	r := f.rawSession(client)
	for range 2 {
		h := r.open("/f", openRead)
		start := time.Now()
		if got := r.read(h, 0, 32<<10); len(got) != 32<<10 {
			t.Errorf("the first block has %d bytes", len(got))
		}
		if took := time.Since(start); took < 10*time.Millisecond {
			t.Errorf("the first block came after %v", took)
		}
		if got := r.read(h, 32<<10, 128<<10); got != f.content("f")[32<<10:] {
			t.Errorf("what follows differs: %d bytes", len(got))
		}
		r.want(statusOK, fxpClose, h)
	}
}

func TestRepliesKeepTheOrderOfRequests(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("big", random(8<<20))
	r := f.raw()
	h := r.open("/big", openRead)
	const n = 300
	first := r.id + 1
	go func() {
		for i := range uint32(n) {
			id := first + i
			switch i % 3 {
			case 0:
				r.channel.Write(packet(fxpRead, id, h, uint64(i)*10_000, uint32(200_000)))
			case 1:
				r.channel.Write(packet(fxpStat, id, "/missing"))
			case 2:
				r.channel.Write(packet(fxpRead, id, h, uint64(i), uint32(1)))
			}
		}
	}()
	for i := range uint32(n) {
		if _, body := r.receive(); binary.BigEndian.Uint32(body) != first+i {
			t.Fatalf("reply %d is to request %d", first+i, binary.BigEndian.Uint32(body))
		}
	}
}

func TestAWriteIsSeenByTheReadsAfterItOnly(t *testing.T) {
	t.Parallel()
	f := serve(t)
	r := f.raw()
	h := r.open("/f", openRead|openWrite|openCreate)
	const n = 200
	go func() {
		for i := range uint32(n) {
			r.channel.Write(packet(fxpWrite, 1000+2*i, h, uint64(0), strings.Repeat(string(rune('a'+i%26)), 1000)))
			r.channel.Write(packet(fxpRead, 1001+2*i, h, uint64(0), uint32(1000)))
		}
	}()
	for i := range n {
		r.receive()
		kind, body := r.receive()
		if kind != fxpData {
			t.Fatalf("no data but %d", kind)
		}
		if data, _ := cutString(body[4:]); data != strings.Repeat(string(rune('a'+i%26)), 1000) {
			t.Fatalf("read %d does not see the write before it: %q", i, data[:1])
		}
	}
}

func TestReadsEndWithTheFile(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("f", "0123456789")
	f.put("large", random(600<<10))
	r := f.raw()
	h := r.open("/f", openRead)
	for _, tc := range []struct {
		offset uint64
		length uint32
		want   string
	}{
		{0, 4, "0123"}, {8, 100, "89"}, {10, 1, ""}, {1 << 40, 1, ""}, {1<<64 - 1, 1, ""}, {9, 1, "9"}, {0, 1<<32 - 1, "0123456789"},
	} {
		if got := r.read(h, tc.offset, tc.length); got != tc.want {
			t.Errorf("%d bytes at %d: %q", tc.length, tc.offset, got)
		}
	}
	// Backwards.
	for i := 9; i >= 0; i-- {
		if got := r.read(h, uint64(i), 1); got != string(rune('0'+i)) {
			t.Errorf("byte %d is %q", i, got)
		}
	}
	large := r.open("/large", openRead)
	if n := len(r.read(large, 0, 1<<30)); n != 255<<10 {
		t.Errorf("a read of 1 GiB returned %d bytes", n)
	}
	r.want(statusDenied, fxpWrite, h, uint64(0), "x")
	w := r.open("/f", openWrite)
	r.want(statusDenied, fxpRead, w, uint64(0), uint32(1))
}

func TestCopyDataCopiesOnTheServer(t *testing.T) {
	t.Parallel()
	f := serve(t)
	content := random(700 << 10)
	f.put("from", content)
	r := f.raw()
	from := r.open("/from", openRead|openWrite)
	to := r.open("/to", openWrite|openCreate)
	r.want(statusOK, fxpExtended, "copy-data", from, uint64(0), uint64(0), to, uint64(0))
	if f.content("to") != content {
		t.Error("the copy of all of it is not the same")
	}
	r.want(statusOK, fxpExtended, "copy-data", from, uint64(100), uint64(50), to, uint64(10))
	if got := f.content("to"); got != content[:10]+content[100:150]+content[60:] {
		t.Error("the copy of a part is not right")
	}
	r.want(statusFailure, fxpExtended, "copy-data", from, uint64(0), uint64(100), from, uint64(50))
	r.want(statusOK, fxpExtended, "copy-data", from, uint64(0), uint64(100), from, uint64(100))
	r.want(statusDenied, fxpExtended, "copy-data", to, uint64(0), uint64(0), from, uint64(0))
	r.want(statusFailure, fxpExtended, "copy-data", from, uint64(0), uint64(0), "none", uint64(0))
}

func TestPkgSFTPMovesAFileBothWays(t *testing.T) {
	t.Parallel()
	f := serve(t)
	content := random(5<<20 + 3)
	c := f.client()
	w, err := c.Create("/up")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ReadFrom(strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if f.content("up") != content {
		t.Error("up: the content differs")
	}
	rd, err := c.Open("/up")
	if err != nil {
		t.Fatal(err)
	}
	back, err := io.ReadAll(rd)
	if err != nil || string(back) != content {
		t.Errorf("down: the content differs, %v", err)
	}
	rd.Close()
	f.events.wait(t, "both transfers", func() bool { return len(f.events.transfers) == 2 })
	for i, want := range []string{"PUT /up upload", "GET /up download"} {
		r := f.events.transfers[i]
		if got := r.Verb + " " + r.Path + " " + r.Direction.String(); got != want || r.Bytes != int64(len(content)) || r.Err != nil {
			t.Errorf("transfer %d is %s, %d bytes, %v", i, got, r.Bytes, r.Err)
		}
	}
}

func TestAppendingLosesNothingOfOthers(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("log", "begin\n")
	f.put("more", strings.Repeat("m", 99)+"\n")
	const sessions, lines = 6, 200
	var all sync.WaitGroup
	for i := range sessions {
		r := f.raw()
		h, more := r.open("/log", openWrite|openAppend), r.open("/more", openRead)
		line := strings.Repeat(string(rune('a'+i)), 99) + "\n"
		all.Go(func() {
			for n := range lines {
				// What offset a client gives is of no account.
				r.want(statusOK, fxpWrite, h, uint64(n), line)
			}
			r.want(statusOK, fxpExtended, "copy-data", more, uint64(0), uint64(0), h, uint64(3))
		})
	}
	all.Wait()
	got := f.content("log")
	if want := len("begin\n") + sessions*(lines+1)*100; len(got) != want || !strings.HasPrefix(got, "begin\n") {
		t.Errorf("%d bytes, not %d", len(got), want)
	}
	for i := range sessions {
		if n := strings.Count(got, strings.Repeat(string(rune('a'+i)), 99)+"\n"); n != lines {
			t.Errorf("%d lines of session %d", n, i)
		}
	}
}

// dropBox refuses to open files for reading.
type dropBox struct{ sftp.Backend }

type dropBoxAccount struct{ sftp.Account }

type dropBoxSession struct{ sftp.Session }

func (b dropBox) PublicKey(ctx context.Context, c *sftp.Conn, user string, key ssh.PublicKey) (sftp.Account, error) {
	a, err := b.Backend.PublicKey(ctx, c, user, key)
	return dropBoxAccount{a}, err
}

func (a dropBoxAccount) Login(ctx context.Context, c *sftp.Conn) (sftp.Session, error) {
	s, err := a.Account.Login(ctx, c)
	return dropBoxSession{s}, err
}

func (s dropBoxSession) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (sftp.File, error) {
	if flag&os.O_WRONLY == 0 {
		return nil, fs.ErrPermission
	}
	return s.Session.OpenFile(ctx, name, flag, perm)
}

func (dropBoxSession) Checksums() bool { return false }

func TestWhoMayOnlyWriteMayAskForReadingToo(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) { f.options.Backend = dropBox{f.backend} })
	f.put("there", "x")
	r := f.raw()
	h := r.open("/new", openRead|openWrite|openCreate|openTruncate)
	r.want(statusOK, fxpWrite, h, uint64(0), "content")
	r.want(statusDenied, fxpRead, h, uint64(0), uint32(10))
	r.want(statusOK, fxpClose, h)
	if got := f.content("new"); got != "content" {
		t.Errorf("the file has %q", got)
	}
	r.want(statusDenied, fxpOpen, "/there", uint32(openRead|openWrite), uint32(0))
}
