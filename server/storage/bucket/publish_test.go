package bucket

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

func TestWhoIsToldOfAnUploadComesBeforeItsObject(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var told []storage.Completion
	var refusal error
	tree := r.Tree("alice", storage.Uploads{User: "alice", Publish: func(c storage.Completion, give func() error) error {
		told = append(told, c)
		if refusal != nil {
			return refusal
		}
		return give()
	}})
	put := func(name string, flag int, data string) error {
		f, err := tree.OpenFile(name, flag, 0o666)
		r.must(err)
		_, err = f.Write([]byte(data))
		return errors.Join(err, f.Close())
	}
	r.must(put("/f", stor, "hello"))
	r.must(put("/f", appe, " world"))
	f, err := tree.OpenFile("/f", os.O_RDWR, 0)
	r.must(errors.Join(err, f.Close()))
	if len(told) != 2 || told[0].Size != 5 || told[1].Size != 11 || told[0].Name != "/f" {
		t.Fatalf("told of %+v, and a file that stays as it was is not told of", told)
	}
	r.reopen() // another pod
	place, err := r.Resolve("/f", false)
	r.must(err)
	if got := place.ID().Token(); got != told[1].ID.Token() || got == told[0].ID.Token() {
		t.Errorf("the object is %s, told of as %s and %s", got, told[0].ID.Token(), told[1].ID.Token())
	}
	refusal = syscall.ENOSPC
	r.is(put("/refused", stor, "hello"), syscall.ENOSPC)
	if _, ok := r.store.Get("ftp/alice/refused"); ok {
		t.Error("what is refused is there")
	}
}

func TestNotesAreKeptWhereNoClientSeesThem(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	n, ctx := r.Notes(".upload.outbox/ns.files"), t.Context()
	r.must(n.Put(ctx, "pending/a", []byte("one")))
	r.must(n.Move(ctx, "pending/a", "ready/r/a", []byte("one")))
	if _, err := n.Get(ctx, "pending/a"); err == nil {
		t.Error("it is still where it was")
	}
	data, err := n.Get(ctx, "ready/r/a")
	r.must(err)
	if string(data) != "one" {
		t.Errorf("it is %q", data)
	}
	versions := map[string]bool{}
	for number := range uint64(3) {
		r.must(n.Touch(ctx, "runs/r@r", number))
		for note, err := range n.List(ctx, "runs") {
			r.must(err)
			versions[note.Name+" "+note.Version] = true
		}
	}
	if len(versions) != 3 {
		t.Errorf("its versions are %v", versions)
	}
	for info, err := range r.Tree(".", storage.Uploads{User: "alice"}).List("/") {
		r.must(err)
		t.Errorf("a client sees %s", info.Name())
	}
	r.must(errors.Join(n.Remove(ctx, "ready/r/a"), n.Remove(ctx, "ready/r/a")))
}
