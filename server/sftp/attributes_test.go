package sftp_test

import (
	"context"
	"encoding/binary"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
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

func (s refusingSession) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (sftp.File, error) {
	f, err := s.Session.OpenFile(ctx, name, flag, perm)
	if err != nil {
		return nil, err
	}
	return refusingFile{f}, nil
}

func (refusingSession) Chmod(context.Context, string, fs.FileMode) error { return fs.ErrPermission }

func (refusingSession) Chtimes(context.Context, string, time.Time, time.Time) error {
	return fs.ErrPermission
}

type refusingFile struct{ sftp.File }

func (refusingFile) Chmod(fs.FileMode) error            { return fs.ErrPermission }
func (refusingFile) Chtimes(time.Time, time.Time) error { return syscall.EROFS }

func TestWhatIsRefusedIsToldUnlessAnUploadWantsIt(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) { f.options.Backend = refusing{f.backend} })
	f.put("f", "12345")
	r := f.raw()
	reading, writing := r.open("/f", openRead), r.open("/f", openWrite)
	for _, attrs := range [][]any{
		{uint32(attrOwner), uint32(12345), uint32(34)},
		{uint32(attrMode), uint32(0o600)},
		{uint32(attrTimes), uint32(1), uint32(2)},
		{uint32(attrMode | attrTimes), uint32(0o600), uint32(1), uint32(2)},
	} {
		r.want(statusDenied, fxpSetstat, append([]any{"/f"}, attrs...)...)
		r.want(statusDenied, fxpExtended, append([]any{"lsetstat@openssh.com", "/f"}, attrs...)...)
		r.want(statusDenied, fxpFsetstat, append([]any{reading}, attrs...)...)
		r.want(statusOK, fxpFsetstat, append([]any{writing}, attrs...)...)
	}
	r.want(statusOK, fxpSetstat, "/f", uint32(attrSize), uint64(3))
	if got := f.content("f"); got != "123" {
		t.Errorf("a size was not set: %q", got)
	}
	r.want(statusDenied, fxpFsetstat, reading, uint32(attrSize), uint64(1))
	r.want(statusNoSuchFile, fxpSetstat, "/missing", uint32(attrSize), uint64(3))
}

func TestOwnersThatStayAreNoneToRefuse(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("f", "x")
	if err := os.Symlink("f", filepath.Join(f.dir, "link")); err != nil {
		t.Fatal(err)
	}
	r := f.raw()
	uid, gid, as := uint32(os.Getuid()), uint32(os.Getgid()), uint32(math.MaxUint32)
	reading := r.open("/f", openRead)
	for _, ids := range [][2]uint32{{uid, gid}, {as, gid}, {uid, as}, {as, as}} {
		r.want(statusOK, fxpSetstat, "/f", uint32(attrOwner), ids[0], ids[1])
		r.want(statusOK, fxpFsetstat, reading, uint32(attrOwner), ids[0], ids[1])
		r.want(statusOK, fxpExtended, "lsetstat@openssh.com", "/link", uint32(attrOwner), ids[0], ids[1])
	}
	r.want(statusDenied, fxpFsetstat, reading, uint32(attrOwner), uint32(12345), as)
	r.want(statusDenied, fxpExtended, "lsetstat@openssh.com", "/link", uint32(attrOwner), as, uint32(12345))
}

func TestAHandleIsTheFileThatWasOpened(t *testing.T) {
	t.Parallel()
	for _, flags := range []int{openRead, openWrite} {
		f := serve(t)
		f.put("a", "first")
		r := f.raw()
		h := r.open("/a", flags)
		r.want(statusOK, fxpRename, "/a", "/b")
		f.put("a", "another")
		before, _ := os.Stat(filepath.Join(f.dir, "a"))
		r.want(statusOK, fxpFsetstat, h, uint32(attrMode|attrTimes), uint32(0o600), uint32(7), uint32(8))
		after, _ := os.Stat(filepath.Join(f.dir, "a"))
		if after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) {
			t.Errorf("the file that came later was changed: %v %v", after.Mode(), after.ModTime())
		}
		if b, _ := os.Stat(filepath.Join(f.dir, "b")); b.Mode() != 0o600 || b.ModTime().Unix() != 8 {
			t.Errorf("the file that is open was not: %v %v", b.Mode(), b.ModTime())
		}
		for _, name := range []string{"/b", "/a"} {
			r.want(statusOK, fxpRemove, name)
		}
		r.want(statusOK, fxpFsetstat, h, uint32(attrMode|attrTimes), uint32(0o640), uint32(7), uint32(8))
		if kind, _ := r.call(fxpExtended, "fstatvfs@openssh.com", h); kind != fxpExtendedReply {
			t.Errorf("fstatvfs of a file without a name: %d", kind)
		}
		if kind, _ := r.call(fxpFstat, h); kind != fxpAttrs {
			t.Errorf("FSTAT of a file without a name: %d", kind)
		}
	}
}

func TestAFoldersHandleIsForListing(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("d/f", "")
	r := f.raw()
	h := r.handle(fxpOpendir, "/d")
	r.want(statusOK, fxpRename, "/d", "/e")
	f.put("d/other", "")
	r.want(statusFailure, fxpFsetstat, h, uint32(attrMode), uint32(0o700))
	r.want(statusFailure, fxpFstat, h)
	r.want(statusFailure, fxpExtended, "fstatvfs@openssh.com", h)
	if d, _ := os.Stat(filepath.Join(f.dir, "d")); d.Mode().Perm() != 0o755 {
		t.Errorf("the folder that came later has mode %v", d.Mode())
	}
}

func TestSpecialBitsAreStored(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("d/f", "")
	r := f.raw()
	for name, mode := range map[string]uint32{"/d": 0o1777, "/d/f": 0o4755} {
		r.want(statusOK, fxpSetstat, name, uint32(attrMode), mode)
		kind, body := r.call(fxpStat, name)
		if got := binary.BigEndian.Uint32(body[4+8+8:]) & 0o7777; kind != fxpAttrs || got != mode {
			t.Errorf("%s has mode %o", name, got)
		}
	}
	r.want(statusOK, fxpMkdir, "/new", uint32(attrMode), uint32(0o2775))
	if info, err := os.Stat(filepath.Join(f.dir, "new")); err != nil || info.Mode().Perm()&0o700 != 0o700 {
		t.Errorf("%v, %v", info, err)
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
	if info, _ := os.Lstat(filepath.Join(f.dir, "link")); info.ModTime().Unix() != 2 {
		t.Error("the link was not changed")
	}
	r.want(statusUnsupported, fxpExtended, "lsetstat@openssh.com", "/link", uint32(attrMode), uint32(0o600))
	r.want(statusBad, fxpExtended, "lsetstat@openssh.com", "/link", uint32(attrSize), uint64(0))
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
