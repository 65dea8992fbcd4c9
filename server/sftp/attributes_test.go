package sftp_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
)

const attrSize, attrOwner, attrMode, attrTimes, attrExtended = 1, 2, 4, 8, 1 << 31

// refusing is a backend whose sessions refuse to change modes and times, as the
// system does for files of somebody else.
type refusing struct{ sftp.Backend }

type refusingAccount struct{ sftp.Account }

type refusingSession struct{ sftp.Session }

func (b refusing) PublicKey(ctx context.Context, c *sftp.Conn, user string, key ssh.PublicKey) (sftp.Account, error) {
	a, err := b.Backend.PublicKey(ctx, c, user, key)
	return refusingAccount{a}, err
}

func (a refusingAccount) Login(ctx context.Context, c *sftp.Conn) (sftp.Session, error) {
	s, err := a.Account.Login(ctx, c)
	return refusingSession{s}, err
}

func (refusingSession) Chmod(context.Context, string, fs.FileMode) error { return fs.ErrPermission }

func (refusingSession) Chtimes(context.Context, string, time.Time, time.Time) error {
	return fs.ErrPermission
}

func TestAttributesThatCannotBeSetAreIgnoredUnlessStrict(t *testing.T) {
	t.Parallel()
	for mode, want := range map[sftp.SetStatMode]uint32{
		sftp.SetStatLenient: statusOK, sftp.SetStatIgnore: statusOK, sftp.SetStatStrict: statusDenied,
	} {
		f := serve(t, func(f *fixture) {
			f.server.Backend = refusing{f.backend}
			f.server.SetStat = mode
		})
		f.put("f", "12345")
		r := f.raw()
		h := r.open("/f", openWrite)
		for _, attrs := range [][]any{
			{uint32(attrOwner), uint32(12), uint32(34)},
			{uint32(attrMode), uint32(0o600)},
			{uint32(attrTimes), uint32(1), uint32(2)},
		} {
			r.want(want, fxpSetstat, append([]any{"/f"}, attrs...)...)
			r.want(want, fxpFsetstat, append([]any{h}, attrs...)...)
		}
		r.want(statusOK, fxpSetstat, "/f", uint32(attrSize), uint64(3))
		if got := f.content("f"); got != "123" {
			t.Errorf("a size was not set: %q", got)
		}
		r.want(statusNoSuchFile, fxpSetstat, "/missing", uint32(attrSize), uint64(3))
	}
}

func TestAttributesAreSet(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("f", "12345")
	r := f.raw()
	h := r.open("/f", openWrite)
	all := uint32(attrSize | attrMode | attrTimes)
	r.want(statusOK, fxpFsetstat, h, all, uint64(10), uint32(0o640), uint32(1_000_000_000), uint32(1_100_000_000))
	info, err := os.Stat(filepath.Join(f.dir, "f"))
	if err != nil || info.Size() != 10 || info.Mode() != 0o640 || info.ModTime().Unix() != 1_100_000_000 {
		t.Errorf("the file is %v, %v", info, err)
	}
	r.want(statusNoSuchFile, fxpSetstat, "/missing", uint32(attrMode), uint32(0o600))
	r.want(statusFailure, fxpSetstat, "/f", uint32(attrSize), uint64(1<<63))
	r.want(statusOK, fxpSetstat, "/f", uint32(attrMode)|1<<31, uint32(0o600), uint32(1), "name", "value")
	r.want(statusBad, fxpSetstat, "/f", uint32(attrMode)|1<<31, uint32(0o600), uint32(1<<31))
}

func TestLsetstatDoesNotFollowALink(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("f", "x")
	if err := os.Symlink("f", filepath.Join(f.dir, "link")); err != nil {
		t.Fatal(err)
	}
	r := f.raw()
	r.want(statusOK, fxpExtended, "lsetstat@openssh.com", "/link", uint32(attrTimes), uint32(1), uint32(2))
	if info, _ := os.Stat(filepath.Join(f.dir, "f")); info.ModTime().Unix() == 2 {
		t.Error("the target of the link was changed")
	}
	r.want(statusOK, fxpExtended, "lsetstat@openssh.com", "/f", uint32(attrTimes), uint32(1), uint32(2))
	if info, _ := os.Stat(filepath.Join(f.dir, "f")); info.ModTime().Unix() != 2 {
		t.Error("the file was not changed")
	}
	r.want(statusNoSuchFile, fxpExtended, "lsetstat@openssh.com", "/missing", uint32(attrTimes), uint32(1), uint32(2))
}

func TestAListingHasTheLinesOfLs(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("f", "12345")
	old := time.Date(2001, 2, 3, 4, 5, 6, 0, time.Local)
	if err := os.Chtimes(filepath.Join(f.dir, "f"), old, old); err != nil {
		t.Fatal(err)
	}
	r := f.raw()
	h := r.handle(fxpOpendir, "/")
	kind, body := r.call(fxpReaddir, h)
	if kind != fxpName {
		t.Fatalf("%d %q", kind, body)
	}
	_, body = cutString(body[4:])
	long, _ := cutString(body)
	want := regexp.MustCompile(`^-rw-r--r--\s+1 user\s+group\s+5 Feb  3  2001 f$`)
	if !want.MatchString(long) {
		t.Errorf("the line is %q", long)
	}
	r.want(statusEOF, fxpReaddir, h)
	r.want(statusEOF, fxpReaddir, h)
	r.want(statusFailure, fxpReaddir, r.open("/f", openRead))
}
