package sftp_test

import (
	"encoding/binary"
	"maps"
	"syscall"
	"testing"
)

func TestTheExtensionsOfOpenSSHAreAnnounced(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"posix-rename@openssh.com": "1", "statvfs@openssh.com": "2", "fstatvfs@openssh.com": "2", "hardlink@openssh.com": "1",
		"fsync@openssh.com": "1", "lsetstat@openssh.com": "1", "limits@openssh.com": "1", "expand-path@openssh.com": "1",
		"copy-data": "1", "home-directory": "1", "users-groups-by-id@openssh.com": "1",
	}
	if got := serve(t).raw().version; !maps.Equal(got, want) {
		t.Errorf("announced: %v", got)
	}
}

func TestVolumesAreDescribed(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("f", "")
	var st syscall.Statfs_t
	if err := syscall.Statfs(f.dir, &st); err != nil {
		t.Fatal(err)
	}
	r := f.raw()
	for _, args := range [][]any{{"statvfs@openssh.com", "/"}, {"fstatvfs@openssh.com", r.open("/f", openRead)}} {
		kind, body := r.call(fxpExtended, args...)
		if kind != fxpExtendedReply || len(body) != 11*8 {
			t.Fatalf("%v: %d %q", args, kind, body)
		}
		if got := binary.BigEndian.Uint64(body); got != uint64(st.Bsize) {
			t.Errorf("%v: block size %d", args, got)
		}
		if got := binary.BigEndian.Uint64(body[16:]); got != st.Blocks {
			t.Errorf("%v: %d blocks", args, got)
		}
	}
	r.want(statusNoSuchFile, fxpExtended, "statvfs@openssh.com", "/missing")
}

func TestLimitsAreTold(t *testing.T) {
	t.Parallel()
	kind, body := serve(t).raw().call(fxpExtended, "limits@openssh.com")
	if kind != fxpExtendedReply || len(body) != 32 {
		t.Fatalf("%d %q", kind, body)
	}
	for i, want := range []uint64{256 << 10, 255 << 10, 255 << 10, 1024} {
		if got := binary.BigEndian.Uint64(body[8*i:]); got != want {
			t.Errorf("limit %d is %d", i, got)
		}
	}
}

func TestFsyncSucceeds(t *testing.T) {
	t.Parallel()
	r := serve(t).raw()
	h := r.open("/f", openWrite|openCreate)
	r.want(statusOK, fxpExtended, "fsync@openssh.com", h)
	r.want(statusFailure, fxpExtended, "fsync@openssh.com", "none")
	r.want(statusFailure, fxpExtended, "fsync@openssh.com", r.handle(fxpOpendir, "/"))
}

func TestOwnersHaveNames(t *testing.T) {
	t.Parallel()
	r := serve(t).raw()
	kind, body := r.call(fxpExtended, "users-groups-by-id@openssh.com", "\x00\x00\x00\x01\x00\x00\x00\x02", "\x00\x00\x00\x03")
	if kind != fxpExtendedReply {
		t.Fatalf("%d %q", kind, body)
	}
	users, body := cutString(body)
	groups, _ := cutString(body)
	if users != "\x00\x00\x00\x04user\x00\x00\x00\x04user" || groups != "\x00\x00\x00\x05group" {
		t.Errorf("users %q, groups %q", users, groups)
	}
	r.want(statusBad, fxpExtended, "users-groups-by-id@openssh.com", "\x00\x00\x01", "")
}
