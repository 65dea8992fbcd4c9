package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/test/objectstore"
)

// What the store knows, or can do, does not come by way of the server.
func TestAStoreTellsChecksumsAndCopiesByItself(t *testing.T) {
	t.Parallel()
	store := objectstore.New(t)
	i := start(t, inBucket(store))
	data := bytes.Repeat([]byte("0123456789abcdef"), 12<<20/16)
	sum := sha256.Sum256(data)
	store.PutWith("ftp/alice/f", data, http.Header{
		"X-Amz-Checksum-Sha256": {base64.StdEncoding.EncodeToString(sum[:])}, "X-Amz-Checksum-Type": {"FULL_OBJECT"},
	})

	c := i.user("alice")
	store.Calls()
	if reply := c.command("HASH f", "213"); !strings.Contains(reply, hex.EncodeToString(sum[:])) {
		t.Errorf("HASH: %s", reply)
	}
	if calls := store.Calls(); calls["GetObject"] != 0 {
		t.Errorf("HASH makes %v requests", calls)
	}
	part := sha256.Sum256(data[:5])
	if reply := c.command("XSHA256 f 0 5", "250"); !strings.Contains(strings.ToLower(reply), hex.EncodeToString(part[:])) {
		t.Errorf("of a part: %s", reply)
	}

	r := i.rawSFTP()
	const read, create = 0x1, 0x2 | 0x8 | 0x10 // to write a file that is made, or emptied
	_, body := r.ask(3, "/f", uint32(read), uint32(0))
	from, _ := cutText(body)
	_, body = r.ask(3, "/copy", uint32(create), uint32(0))
	to, _ := cutText(body)
	store.Calls()
	kind, body := r.ask(200, "copy-data", from, uint64(0), uint64(0), to, uint64(0))
	if kind != 101 || binary.BigEndian.Uint32(body) != 0 {
		t.Fatalf("copy-data: %d, %q", kind, body)
	}
	r.ask(4, to)
	if got, ok := store.Get("ftp/alice/copy"); !ok || !bytes.Equal(got, data) {
		t.Errorf("the copy has %d bytes of %d", len(got), len(data))
	}
	if calls := store.Calls(); calls["UploadPartCopy"] != 2 {
		t.Errorf("copy-data makes %v requests", calls)
	}
}
