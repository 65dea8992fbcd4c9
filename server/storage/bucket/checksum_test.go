package bucket

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"os"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

func TestStoredChecksumsAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	data := content(part + 5)
	md, sha := md5.Sum(data), sha256.Sum256(data)
	text := base64.StdEncoding.EncodeToString
	r.store.PutWith("ftp/alice/f", data, http.Header{
		"X-Amz-Meta-Md5chksum": {text(md[:])}, "X-Amz-Checksum-Sha256": {text(sha[:])}, "X-Amz-Checksum-Type": {"FULL_OBJECT"},
		"X-Amz-Checksum-Crc32": {"AAAA-2"},
	})
	r.store.PutWith("ftp/alice/parts", data, http.Header{"X-Amz-Checksum-Sha256": {text(sha[:])}, "X-Amz-Checksum-Type": {"COMPOSITE"}})
	r.put("/own", []byte("own"))
	for _, c := range []struct {
		name, algorithm string
		want            []byte
	}{
		{"/f", "MD5", md[:]}, {"/f", "SHA-256", sha[:]}, {"/f", "SHA-1", nil}, {"/f", "CRC32", nil}, {"/f", "SHA-512", nil},
		{"/parts", "SHA-256", nil}, {"/own", "MD5", nil}, // of a store that is not AWS, an ETag may be anything
	} {
		f := r.open(c.name, os.O_RDONLY)
		if got := storage.Checksum(f, c.algorithm); string(got) != string(c.want) {
			t.Errorf("%s of %s: %x, want %x", c.algorithm, c.name, got, c.want)
		}
		r.must(f.Close())
	}

	// What is appended makes a stored checksum wrong, and so it goes.
	r.must(upload1(r, "/f", appe, []byte("x")))
	f := r.open("/f", os.O_RDONLY)
	defer f.Close()
	if got := storage.Checksum(f, "MD5"); got != nil {
		t.Errorf("after an append, the MD5 is %x", got)
	}
}

func TestTheStoreCopiesFromOneOpenFileToAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	data := content(3*part + 9)
	r.put("/from", data)
	r.put("/to", data[:7])
	from := r.open("/from", os.O_RDONLY)
	defer from.Close()
	for _, c := range []struct {
		what  string
		flag  int
		place int64
		want  string
	}{
		{"to a new file", create, 0, string(data)},
		{"behind what is there", appe, 99, string(data[:7]) + string(data)},
	} {
		name := "/to"
		if c.place == 0 {
			name = "/new"
		}
		to := r.open(name, c.flag)
		r.store.Calls()
		copied, err := storage.CopyWithin(to, from, 0, int64(len(data)), c.place)
		if !copied || err != nil {
			t.Fatalf("%s: %v, %v", c.what, copied, err)
		}
		r.must(to.Close())
		if calls := r.store.Calls(); calls["UploadPartCopy"] < 2 {
			t.Errorf("%s: %v requests", c.what, calls)
		}
		r.holds(name, []byte(c.want))
	}
	to := r.open("/small", create)
	if copied, err := storage.CopyWithin(to, from, 0, 9, 0); copied || err != nil {
		t.Errorf("little is copied by hand: %v, %v", copied, err)
	}
	if copied, err := storage.CopyWithin(to, from, part, 3*part, 0); copied || err != nil {
		t.Errorf("there is no more than the file has: %v, %v", copied, err)
	}
	r.must(closeCut(to))
	r.leavesNoOrphan()
}
