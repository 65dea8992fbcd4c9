package bucket

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/objectstore"
)

func TestUploadsTakeNoMoreMemoryThanTheirBudget(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Budget = 3 * part })
	var most atomic.Int64
	r.store.Fail(func(int, string, string) objectstore.Fault {
		taken, _ := r.Memory()
		most.Store(max(most.Load(), taken))
		return objectstore.None
	})
	data := content(2*part + 1)
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			if err := upload1(r, fmt.Sprint("/f", i), stor, data); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := most.Load(); n == 0 || n > 3*part {
		t.Errorf("%d bytes were taken, of %d", n, 3*part)
	}
	for i := range 12 {
		r.holds(fmt.Sprint("/f", i), data)
	}
	r.clean()
}

func TestSmallFilesWaitForNoBudget(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Budget = 2 * part })
	for range 2 {
		buf, err := r.budget.take(t.Context())
		r.must(err)
		defer r.budget.give(buf)
	}
	r.put("/f", content(small))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.budget.take(ctx); err == nil {
		t.Error("there is more than the budget")
	}
}

func TestReadsOutOfOrderAreOneRequest(t *testing.T) {
	t.Parallel()
	r, data := newRig(t), content(part)
	r.put("/f", data)
	f := r.open("/f", os.O_RDONLY)
	defer f.Close()
	r.store.Calls()
	const block = 32 << 10
	got := make([]byte, part)
	for at := 0; at < part; at += 4 * block {
		for _, i := range []int{2, 0, 3, 1} {
			at := at + i*block
			n, err := f.ReadAt(got[at:at+block], int64(at))
			if n != block || err != nil {
				t.Fatalf("%d bytes at %d: %v", n, at, err)
			}
		}
	}
	if !bytes.Equal(got, data) {
		t.Error("what was read is not what was written")
	}
	if calls := r.store.Calls(); calls["GetObject"] != 1 {
		t.Errorf("%v requests", calls)
	}
	if n, err := f.ReadAt(make([]byte, 10), part-3); n != 3 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if n, err := f.ReadAt(got[:10], 5); n != 10 || err != nil || !bytes.Equal(got[:10], data[5:15]) {
		t.Errorf("at the beginning again: %d, %v", n, err)
	}
}

func TestCredentialsAreReplacedInTheMiddleOfAnUpload(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, err := folder(r.opts.CredentialsDir).Retrieve(t.Context())
	r.must(err)
	writeKeys(t, r.opts.CredentialsDir, "other", "secret2")
	second, err := folder(r.opts.CredentialsDir).Retrieve(t.Context())
	r.must(err)
	if first.AccessKeyID != "key" || second.AccessKeyID != "other" || !second.CanExpire || time.Until(second.Expires) > readAgain {
		t.Errorf("%+v", second.AccessKeyID)
	}
	r.must(os.Remove(r.opts.CredentialsDir + "/" + FileSecretKey))
	_, err = folder(r.opts.CredentialsDir).Retrieve(t.Context())
	r.is(err, errNoCredentials)
}

func TestTheCheckNamesTheCallThatIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if f := r.Check(t.Context(), "pod"); f != nil {
		t.Fatal(f)
	}
	r.clean()
	if keys := r.store.Keys(); len(keys) != 0 {
		t.Errorf("it leaves %q", keys)
	}
	for _, call := range []string{"ListObjectsV2", "PutObject", "GetObject", "CopyObject", "CreateMultipartUpload", "ListParts", "AbortMultipartUpload", "ListMultipartUploads", "DeleteObject"} {
		r.store.Fail(func(_ int, c, _ string) objectstore.Fault {
			if c == call {
				return objectstore.Denied
			}
			return objectstore.None
		})
		if f := r.Check(t.Context(), "pod"); f == nil || *f != (Fault{call, "AccessDenied", true}) {
			t.Errorf("%s is refused: %v", call, f)
		}
	}
	for want, change := range map[string]func(*Options){
		"NoSuchBucket":  func(o *Options) { o.Bucket = "none" },
		"NoCredentials": func(o *Options) { o.CredentialsDir = t.TempDir() },
	} {
		other := newRig(t, change)
		if f := other.Check(t.Context(), "pod"); f == nil || f.Code != want {
			t.Errorf("%v, want %s", f, want)
		}
	}
}

func TestWhatWasCutIsKeptForItsTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cut("/small", content(10))
	r.cut("/large", content(part+10))
	r.store.Age(time.Hour)
	r.cut("/young", content(10))
	r.must(r.Sweep(t.Context(), 2*time.Hour))
	if a, b := r.size("/small"), r.size("/large"); a != 10 || b != part+10 {
		t.Errorf("%d and %d bytes are left", a, b)
	}
	r.must(r.Sweep(t.Context(), time.Minute))
	r.missing("/small")
	r.missing("/large")
	if n := r.size("/young"); n != 10 {
		t.Errorf("%d bytes", n)
	}
	r.must(r.Remove("/young"))
	r.missing("/young")
	r.clean()
}
