package storage

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"testing"
)

// Who is told of uploads knows each before it is visible, and can tell later, in another process,
// whether it became so.
func TestWhoIsToldOfAnUploadComesBeforeItsName(t *testing.T) {
	t.Parallel()
	l, root := open(t)
	var told []Completion
	var refusal error
	a := Atomic(l, Uploads{User: "alice", Publish: func(c Completion, give func() error) error {
		told = append(told, c)
		if _, err := l.Lstat(c.Name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it is visible already: %v", err)
		}
		if place, err := l.Resolve(c.Hidden, false); err != nil || place.ID().Token() != c.ID.Token() {
			t.Errorf("the hidden file is another one: %v", err)
		}
		if refusal != nil {
			return refusal
		}
		return give()
	}})
	if err := begin(t, a, "/file", uploading).Close(); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0].Name != "/file" || told[0].Size != 4 || !strings.HasPrefix(path.Base(told[0].Hidden), partialPrefix) {
		t.Fatalf("told of %+v", told)
	}
	again, err := OpenLocal(root, ".") // another process
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if place, err := again.Resolve("/alice/file", false); err != nil || place.ID().Token() != told[0].ID.Token() {
		t.Errorf("it is not known again: %v", err)
	}
	if err := begin(t, a, "/cut", uploading).CloseWithError(errCut); err != nil || len(told) != 1 {
		t.Errorf("one that was cut: %v, told of %d", err, len(told))
	}
	refusal = syscall.ENOSPC
	if err := begin(t, a, "/refused", uploading).Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("what is refused: %v", err)
	}
	if got := list(t, l, "/"); len(got) != 2 { // file, and what was cut
		t.Errorf("there are %v", got)
	}
}
