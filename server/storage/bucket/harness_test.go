package bucket

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
	"github.com/fileserver-dev/fileserver-operator/test/objectstore"
)

// A rig is a bucket in memory, and a tree in it.
type rig struct {
	t     *testing.T
	store *objectstore.Store
	opts  Options
	*Bucket
	storage.FS // of alice
}

func newRig(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	store := objectstore.New(t)
	dir := t.TempDir()
	writeKeys(t, dir, "key", "secret")
	r := &rig{t: t, store: store, opts: Options{
		Endpoint: store.URL, Bucket: objectstore.Bucket, Prefix: "ftp", PathStyle: true, CredentialsDir: dir,
		PartSize: MinPartSize, silence: 5 * time.Second, pause: 5 * time.Millisecond,
	}}
	for _, c := range change {
		c(&r.opts)
	}
	r.reopen()
	return r
}

func writeKeys(t *testing.T, dir, key, secret string) {
	t.Helper()
	for name, value := range map[string]string{FileAccessKey: key, FileSecretKey: secret} {
		if err := os.WriteFile(dir+"/"+name, []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// reopen is another pod.
func (r *rig) reopen() {
	r.t.Helper()
	b, err := Open(r.t.Context(), r.opts)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Bucket, r.FS = b, b.Tree("alice", storage.Uploads{User: "alice"})
}

// user is the tree of another user of the same home.
func (r *rig) user(name string) storage.FS { return r.Tree("alice", storage.Uploads{User: name}) }

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) is(err, want error) {
	r.t.Helper()
	if !errors.Is(err, want) {
		r.t.Fatalf("the error is %v, want %v", err, want)
	}
}

// Flags as the protocols use them.
const (
	stor   = os.O_WRONLY | os.O_CREATE | storage.Upload
	rest   = os.O_WRONLY | storage.Upload
	appe   = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	create = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	reput  = os.O_WRONLY | os.O_CREATE
)

func (r *rig) open(name string, flag int) storage.File {
	r.t.Helper()
	f, err := r.OpenFile(name, flag, 0o666)
	r.must(err)
	return f
}

// put uploads a file.
func (r *rig) put(name string, data []byte) {
	r.t.Helper()
	f := r.open(name, stor)
	_, err := f.Write(data)
	r.must(err)
	r.must(f.Close())
}

// cut uploads a file and is cut before it is complete.
func (r *rig) cut(name string, data []byte) {
	r.t.Helper()
	f := r.open(name, stor)
	_, err := f.Write(data)
	r.must(err)
	r.must(closeCut(f))
}

func closeCut(f storage.File) error {
	return f.(interface{ CloseWithError(error) error }).CloseWithError(io.ErrUnexpectedEOF)
}

func (r *rig) get(name string) []byte {
	r.t.Helper()
	f := r.open(name, os.O_RDONLY)
	defer f.Close()
	b, err := io.ReadAll(f)
	r.must(err)
	return b
}

func (r *rig) holds(name string, want []byte) {
	r.t.Helper()
	if got := r.get(name); !bytes.Equal(got, want) {
		r.t.Fatalf("%s has %d bytes, which are not the %d that are wanted", name, len(got), len(want))
	}
}

func (r *rig) size(name string) int64 {
	r.t.Helper()
	i, err := r.Stat(name)
	r.must(err)
	return i.Size()
}

func (r *rig) missing(name string) {
	r.t.Helper()
	_, err := r.Stat(name)
	r.is(err, fs.ErrNotExist)
}

func (r *rig) list(name string) (names []string) {
	r.t.Helper()
	for i, err := range r.List(name) {
		r.must(err)
		n := i.Name()
		if i.IsDir() {
			n += "/"
		}
		names = append(names, n)
	}
	return names
}

// clean fails if uploads are left that nobody can go on with, or memory is taken.
func (r *rig) clean() {
	r.t.Helper()
	if n := r.store.Uploads(); n != 0 {
		r.t.Errorf("%d multipart uploads are left", n)
	}
	if taken, _ := r.Memory(); taken != 0 {
		r.t.Errorf("%d bytes are taken still", taken)
	}
}

// content returns bytes that are the same in each run.
func content(n int) []byte {
	b := make([]byte, n)
	source := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = source.Read(b) // which never fails
	return b
}

const part = MinPartSize

func upload1(r *rig, name string, flag int, data []byte) error {
	f, err := r.OpenFile(name, flag, 0)
	if err != nil {
		return err
	}
	for p := range slices.Chunk(data, 1<<20) {
		if _, err := f.Write(p); err != nil {
			return errors.Join(err, closeCut(f))
		}
	}
	return f.Close()
}

func has(r *rig, name string, want []byte) error {
	f, err := r.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err == nil && string(got) != string(want) {
		err = fmt.Errorf("%s has %d bytes, which are not the %d that are wanted", name, len(got), len(want))
	}
	return err
}

func hasNone(r *rig, name string) error {
	if _, ok := r.store.Get("ftp/alice" + name); ok {
		return fmt.Errorf("%s is there", name)
	}
	return nil
}
