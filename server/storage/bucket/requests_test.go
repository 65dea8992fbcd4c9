package bucket

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// costs are operations with the requests that each makes, as docs/bucket.md has them.
var costs = []struct {
	what string
	do   func(r *rig) error
	want string
}{
	{"describe a file", func(r *rig) error { _, err := r.Stat("/d/small"); return err }, "1 HeadObject"},
	{"describe a folder", func(r *rig) error { _, err := r.Stat("/d"); return err }, "1 HeadObject, 1 ListObjectsV2"},
	{"describe what is missing", func(r *rig) error { _, _ = r.Stat("/d/none"); return nil }, "2 HeadObject, 1 ListObjectsV2"},
	{"list a folder, each 1,000 entries", func(r *rig) error {
		for _, err := range r.List("/d") {
			if err != nil {
				return err
			}
		}
		return nil
	}, "1 ListObjectsV2"},
	{"download a file", func(r *rig) error { return has(r, "/d/large", content(2*part+1)) }, "1 GetObject, 1 HeadObject"},
	{"upload a new file, up to a part", func(r *rig) error { return upload1(r, "/d/new", stor, content(part-1)) }, "1 HeadObject, 1 ListObjectsV2, 1 PutObject"},
	{"replace a file, up to a part", func(r *rig) error { return upload1(r, "/d/small", stor, []byte("x")) }, "1 HeadObject, 1 PutObject"},
	{"upload a new file of three parts", func(r *rig) error { return upload1(r, "/d/new", stor, content(2*part+1)) },
		"1 CompleteMultipartUpload, 1 CreateMultipartUpload, 1 DeleteObject, 1 HeadObject, 1 ListObjectsV2, 1 PutObject, 3 UploadPart"},
	{"append to a file of three parts", func(r *rig) error { return upload1(r, "/d/large", appe, []byte("x")) },
		"1 CompleteMultipartUpload, 1 CreateMultipartUpload, 1 GetObject, 1 HeadObject, 1 UploadPart, 2 UploadPartCopy"},
	{"remove a file", func(r *rig) error { return r.Remove("/d/small") }, "1 DeleteObject, 1 HeadObject"},
	{"make a folder", func(r *rig) error { return r.Mkdir("/d/e", 0) }, "1 HeadObject, 1 ListObjectsV2, 1 PutObject"},
	{"remove a folder", func(r *rig) error { return r.RemoveDir("/empty") }, "1 DeleteObject, 1 ListObjectsV2"},
	{"rename a file, up to 256 MiB", func(r *rig) error { return r.Rename("/d/small", "/d/other") }, "1 CopyObject, 1 DeleteObject, 2 HeadObject, 1 ListObjectsV2"},
	{"rename a folder of two files with its marker", func(r *rig) error { return r.Rename("/d", "/e") }, "2 CopyObject, 3 DeleteObject, 2 HeadObject, 3 ListObjectsV2, 1 PutObject"},
	{"set the time of a file", func(r *rig) error { return r.Chtimes("/d/small", time.Time{}, time.Now()) }, "1 CopyObject, 1 HeadObject"},
}

func TestOperationsMakeAsManyRequestsAsTheDocumentationSays(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../../docs/bucket.md")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	for _, c := range costs {
		for _, key := range r.store.Keys() {
			r.must(r.Bucket.remove(t.Context(), key))
		}
		r.must(r.Mkdir("/d", 0))
		r.must(r.Mkdir("/empty", 0))
		r.put("/d/small", []byte("x"))
		r.put("/d/large", content(2*part+1))
		r.store.Calls()
		if err := c.do(r); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		calls := r.store.Calls()
		var got []string
		for _, call := range slices.Sorted(maps.Keys(calls)) {
			got = append(got, fmt.Sprintf("%d %s", calls[call], call))
		}
		if got := strings.Join(got, ", "); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
		if row := fmt.Sprintf("| %s | %s |", c.what, c.want); !strings.Contains(string(doc), row) {
			t.Errorf("docs/bucket.md has no row\n%s", row)
		}
	}
}
