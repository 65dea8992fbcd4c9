package bucket

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/objectstore"
)

func TestTenThousandPartsHoldFiveTiB(t *testing.T) {
	t.Parallel()
	for _, part := range []int64{MinPartSize, DefaultPartSize, 100<<20 + 1, MaxPartSize} {
		l := newLayout(part)
		if l.parts() != maxParts || l.end() != maxSize {
			t.Errorf("parts of %d: %d parts hold %d bytes", part, l.parts(), l.end())
		}
		for n := 1; n <= maxParts; n += 7 {
			start, end := l.start(n), l.start(n+1)
			for _, at := range []int64{start, end - 1} {
				if number, from, size := l.at(at); number != n || from != start || size != end-start {
					t.Fatalf("parts of %d: byte %d is in part %d at %d with %d bytes, want %d, %d, %d", part, at, number, from, size, n, start, end-start)
				}
			}
			if size := end - start; size%part != 0 || size > largestPart {
				t.Fatalf("part %d has %d bytes", n, size)
			}
		}
		if number, _, _ := l.at(l.start(maxParts + 1)); number != maxParts {
			t.Errorf("behind the last is part %d", number)
		}
	}
}

// grows lets parts grow early: one has 5 MiB, one 10, and two 15.
func grows(o *Options) {
	o.layout = func(part int64) layout { return layout{{1, part}, {1, 2 * part}, {2, 3 * part}} }
}

func TestPartsThatGrowTakeNoMoreMemory(t *testing.T) {
	t.Parallel()
	r := newRig(t, grows, func(o *Options) { o.Budget = 3 * part })
	data := content(6*part + 77)
	r.put("/f", data)
	r.holds("/f", data)
	if calls := r.store.Calls(); calls["UploadPartCopy"] != 3 || calls["UploadPart"] > 7 {
		t.Errorf("%v requests", calls)
	}
	r.clean()
	r.leavesNoOrphan()

	// An append copies whole parts, and reads no more than a part of the first size.
	for _, size := range []int{2*part + 5, 3 * part, 6*part - 1} {
		r.put("/f", data[:size])
		r.store.Calls()
		r.must(upload1(r, "/f", appe, data[size:]))
		r.holds("/f", data)
		r.clean()
		r.leavesNoOrphan()
	}
	if err := upload1(r, "/f", stor, content(9*part+1)); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("too large: %v", err)
	}
	r.holds("/f", data)
}

func TestAnUploadGoesOnWithinPartsThatGrow(t *testing.T) {
	t.Parallel()
	data := content(6*part + 77)
	for size, kept := range map[int]int{
		part + 9: part, 3*part - 1: part, 3 * part: 3 * part, 6*part + 5: 6 * part,
	} {
		r := newRig(t, grows)
		r.cut("/f", data[:size])
		r.reopen()
		if n := r.size("/f"); n != int64(kept) {
			t.Fatalf("of %d bytes, %d are kept, want %d", size, n, kept)
		}
		f := r.open("/f", rest)
		for p := range slices.Chunk(data[kept:], 1<<20) {
			_, err := f.WriteAt(p, int64(kept))
			r.must(err)
			kept += len(p)
		}
		r.must(f.Close())
		r.holds("/f", data)
		r.leavesNoOrphan()
	}
}

// A pod that is killed leaves the object of a part that was being assembled.
func TestWhatWasAssembledIsCleanedUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, grows)
	r.store.Fail(func(_ int, call, key string) objectstore.Fault {
		if call == "DeleteObject" && strings.Contains(key, assembled) {
			return objectstore.Denied
		}
		return objectstore.None
	})
	data := content(4 * part)
	r.put("/f", data)
	r.store.Fail(nil)
	r.holds("/f", data)
	count := func() (n int) {
		for _, key := range r.store.Keys() {
			if strings.Contains(key, assembled) {
				n++
			}
		}
		return n
	}
	if n := count(); n != 2 {
		t.Fatalf("%d objects are left, want 2", n)
	}
	r.must(r.Sweep(t.Context(), time.Hour))
	if n := count(); n != 2 {
		t.Errorf("%d young objects are left, want 2", n)
	}
	r.leavesNoOrphan()
}

func TestADownloadThatIsClosedWaitsForNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.pause = time.Hour })
	r.put("/f", content(99))
	f := r.open("/f", os.O_RDONLY)
	asked := make(chan struct{}, 100)
	r.store.Fail(func(int, string, string) objectstore.Fault {
		asked <- struct{}{}
		return objectstore.Busy
	})
	ended := make(chan error, 1)
	go func() {
		_, err := f.Read(make([]byte, 10))
		ended <- err
	}()
	<-asked
	r.must(f.Close())
	select {
	case err := <-ended:
		if err == nil {
			t.Error("there is no error")
		}
	case <-time.After(30 * time.Second):
		t.Error("it still reads")
	}
}
