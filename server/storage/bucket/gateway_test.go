package bucket

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// gateway starts versitygw, which keeps objects in a folder. VERSITYGW is where it is;
// `make test` builds it.
func gateway(t *testing.T) Options {
	t.Helper()
	program := os.Getenv("VERSITYGW")
	if program == "" {
		t.Skip("VERSITYGW is not set to the path of versitygw: `make test` builds it")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	for _, name := range []string{"data/files", "meta", "keys"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "--port", address, "--quiet", "posix", "--sidecar", filepath.Join(dir, "meta"), filepath.Join(dir, "data"))
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=key", "ROOT_SECRET_KEY=secret-of-the-test")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("versitygw:\n%s", log.String())
		}
	})
	url := "http://" + address
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(url)
		if err == nil {
			resp.Body.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatalf("versitygw does not answer: %v", err)
		}
	}
	keys := filepath.Join(dir, "keys")
	writeKeys(t, keys, "key", "secret-of-the-test")
	return Options{Endpoint: url, Bucket: "files", Prefix: "ftp", PathStyle: true, CredentialsDir: keys, PartSize: MinPartSize}
}

// A store that others have written, with signatures, conditions and copies of its own.
func TestWithAStoreOfOthers(t *testing.T) {
	t.Parallel()
	opts := gateway(t)
	r := &rig{t: t, opts: opts}
	r.reopen()
	if f := r.Check(t.Context(), "pod"); f != nil {
		t.Fatal(f)
	}
	data := content(2*part + 77)
	r.put("/small", []byte("x"))
	r.put("/ü %+&?#;/large", data)
	r.holds("/small", []byte("x"))
	r.holds("/ü %+&?#;/large", data)
	r.must(r.Rename("/ü %+&?#;/large", "/large"))
	r.holds("/large", data)

	// Append, change, and go on with what was cut.
	f := r.open("/large", appe)
	_, err := f.Write([]byte("more"))
	r.must(err)
	r.must(f.Close())
	data = append(data, "more"...)
	r.holds("/large", data)
	r.cut("/cut", data[:part+9])
	r.reopen()
	if n := r.size("/cut"); n != part+9 {
		t.Errorf("%d bytes of what was cut are there", n)
	}
	f = r.open("/cut", rest)
	_, err = f.WriteAt(data[part+9:], part+9)
	r.must(err)
	r.must(f.Close())
	r.holds("/cut", data)

	// Who must be first is, and who is second is told.
	for _, size := range []int{1, part + 1} {
		name := fmt.Sprint("/new", size)
		a, err := r.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0)
		r.must(err)
		b, err := r.user("bob").OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0)
		r.must(err)
		for _, f := range []storage.File{a, b} {
			_, err := f.Write(content(size))
			r.must(err)
		}
		r.must(a.Close())
		r.is(b.Close(), fs.ErrExist)
	}

	// Times, folders, listings.
	when := time.Unix(1_600_000_000, 0)
	r.must(r.Chtimes("/small", time.Time{}, when))
	if i, err := r.Stat("/small"); err != nil || !i.ModTime().Equal(when) {
		t.Errorf("%v, %v", i, err)
	}
	r.must(r.Mkdir("/d", 0))
	r.put("/d/f", []byte("y"))
	r.must(r.Rename("/d", "/e"))
	if names := r.list("/e"); !slices.Equal(names, []string{"f"}) {
		t.Errorf("%q", names)
	}
	r.is(r.RemoveDir("/e"), syscall.ENOTEMPTY)
	r.must(errors.Join(r.Remove("/e/f"), r.RemoveDir("/e")))
	r.missing("/e")

	f = r.open("/large", os.O_RDONLY)
	defer f.Close()
	got := make([]byte, 100)
	if _, err := f.ReadAt(got, part-50); err != nil || !bytes.Equal(got, data[part-50:part+50]) {
		t.Errorf("in the middle: %v", err)
	}
	if _, err := f.Seek(-4, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if end, err := io.ReadAll(f); err != nil || string(end) != "more" {
		t.Errorf("the end is %q, %v", end, err)
	}
	r.must(r.Sweep(t.Context(), time.Nanosecond))

	for code, change := range map[string]func(*Options){
		"NoSuchBucket":          func(o *Options) { o.Bucket = "none" },
		"SignatureDoesNotMatch": func(o *Options) { o.CredentialsDir = t.TempDir(); writeKeys(t, o.CredentialsDir, "key", "other") },
	} {
		o := opts
		change(&o)
		b, err := Open(t.Context(), o)
		r.must(err)
		if f := b.Check(t.Context(), "pod"); f == nil || f.Code != code || f.Refused != (code != "NoSuchBucket") {
			t.Errorf("%v, want %s", f, code)
		}
	}
}
