package bucket

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestAFileIsThereWhenItIsClosedAndNotBefore(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, small, small + 1, part - 1, part, part + 1, 2*part + 17} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			r, data := newRig(t), content(size)
			f := r.open("/docs/f", stor)
			for p := range slices.Chunk(data, 32<<10) {
				_, err := f.Write(p)
				r.must(err)
			}
			if _, ok := r.store.Get("ftp/alice/docs/f"); ok {
				t.Error("it is there before it is closed")
			}
			if i, err := r.Stat("/docs/f"); err != nil || i.Size() != int64(size) {
				t.Errorf("its session sees %v, %v", i, err)
			}
			r.must(f.Close())
			r.holds("/docs/f", data)
			r.clean()
			for _, key := range r.store.Keys() {
				if key != "ftp/alice/docs/f" {
					t.Errorf("%s is left", key)
				}
			}
		})
	}
}

func TestAnUploadThatWasCutGoesOnInAnotherPod(t *testing.T) {
	t.Parallel()
	data := content(2*part + 99)
	for _, at := range []int{1, small, part - 1, part, part + 1, 2 * part, 2*part + 98} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.cut("/f", data[:at])
			r.reopen()
			if got := r.size("/f"); got != int64(at) {
				t.Fatalf("%d bytes are there of %d", got, at)
			}
			if _, err := r.user("bob").Stat("/f"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("another user sees it: %v", err)
			}
			if names := r.list("/"); len(names) != 0 {
				t.Errorf("it is listed: %q", names)
			}
			f := r.open("/f", rest)
			_, err := f.Seek(int64(at), 0)
			r.must(err)
			_, err = f.Write(data[at:])
			r.must(err)
			r.must(f.Close())
			r.holds("/f", data)
			r.clean()
			if keys := r.store.Keys(); !slices.Equal(keys, []string{"ftp/alice/f"}) {
				t.Errorf("what is left: %q", keys)
			}
		})
	}
}

func TestAnUploadGoesOnAfterItsPodWasKilled(t *testing.T) {
	t.Parallel()
	r, data := newRig(t), content(3*part+5)
	f := r.open("/f", stor)
	_, err := f.Write(data[:2*part+7])
	r.must(err)
	r.must(f.(*upload).parts.wait()) // nothing else comes of it: the pod is gone
	r.reopen()
	if got := r.size("/f"); got != 2*part {
		t.Fatalf("%d bytes are there, want all whole parts", got)
	}
	f = r.open("/f", reput)
	_, err = f.WriteAt(data[2*part:], 2*part)
	r.must(err)
	r.must(f.Close())
	r.holds("/f", data)
}

func TestAnUploadThatBeginsAnewOwesNothingToTheOneThatWasCut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cut("/f", content(100))
	r.put("/f", []byte("new"))
	r.holds("/f", []byte("new"))
	r.cut("/g", content(part+1))
	f := r.open("/g", create)
	_, err := f.Write([]byte("new"))
	r.must(err)
	r.must(f.Close())
	r.holds("/g", []byte("new"))
	// What was cut before the file was made is not continued.
	f = r.open("/g", rest)
	_, err = f.Seek(3, 0)
	r.must(err)
	_, err = f.Write([]byte("er"))
	r.must(err)
	r.must(f.Close())
	r.holds("/g", []byte("newer"))
}

func TestAppendingTakesWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 3, part - 1, part, 2*part + 3} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			r, data := newRig(t), content(size)
			r.put("/log", data)
			r.store.Calls()
			f := r.open("/log", appe)
			if end, err := f.Seek(0, 2); err != nil || end != int64(size) {
				t.Fatalf("the end is %d, %v", end, err)
			}
			_, err := f.Write([]byte("line\n"))
			r.must(err)
			r.must(f.Close())
			if n := r.store.Calls()["UploadPartCopy"]; n != size/part {
				t.Errorf("%d parts were copied, want %d", n, size/part)
			}
			r.holds("/log", append(bytes.Clone(data), "line\n"...))
			r.clean()
		})
	}
}

func TestNoAppendLosesALine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const writers, lines = 4, 5
	var all sync.WaitGroup
	want := map[string]bool{}
	for w := range writers {
		for n := range lines {
			want[fmt.Sprintf("%d-%d", w, n)] = true
		}
		tree := r.user(fmt.Sprint("user", w))
		all.Go(func() {
			for n := range lines {
				f, err := tree.OpenFile("/log", appe, 0)
				if err == nil {
					_, err = fmt.Fprintf(f, "%d-%d\n", w, n)
				}
				if err == nil {
					err = f.Close()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for line := range bytes.Lines(r.get("/log")) {
		delete(want, string(bytes.TrimSpace(line)))
	}
	if len(want) > 0 {
		t.Errorf("lines are lost: %v", slices.Sorted(maps.Keys(want)))
	}
}

func TestWhatIsWrittenInAFileThatExistsLeavesTheRest(t *testing.T) {
	t.Parallel()
	r, data := newRig(t), content(2*part+50)
	r.put("/f", data)
	f := r.open("/f", os.O_WRONLY)
	_, err := f.WriteAt([]byte("HERE"), part+10)
	r.must(err)
	r.must(f.Close())
	copy(data[part+10:], "HERE")
	r.holds("/f", data)
	f = r.open("/f", os.O_RDWR)
	r.must(f.Truncate(part + 12))
	r.must(f.Close())
	r.holds("/f", data[:part+12])
	r.clean()
}

func TestWritesMayComeALittleOutOfOrder(t *testing.T) {
	t.Parallel()
	r, data := newRig(t), content(part+3*32<<10)
	f := r.open("/f", create)
	const block = 32 << 10
	for at := 0; at < len(data); at += 2 * block {
		for _, at := range []int{at + block, at} {
			if at < len(data) {
				_, err := f.WriteAt(data[at:min(at+block, len(data))], int64(at))
				r.must(err)
			}
		}
	}
	r.must(f.Close())
	r.holds("/f", data)
}

func TestWhatCannotBeWrittenIsRefusedAndNothingComesOfIt(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(f interface {
		WriteAt([]byte, int64) (int, error)
	}) error{
		"far ahead": func(f interface {
			WriteAt([]byte, int64) (int, error)
		}) error {
			_, err := f.WriteAt(content(ahead+1), 10)
			return err
		},
		"in a part that is sent": func(f interface {
			WriteAt([]byte, int64) (int, error)
		}) error {
			if _, err := f.WriteAt(content(part), 0); err != nil {
				return nil
			}
			_, err := f.WriteAt([]byte("x"), 3)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			f := r.open("/f", create)
			r.is(write(f), errors.ErrUnsupported)
			r.is(f.Close(), errors.ErrUnsupported)
			if _, ok := r.store.Get("ftp/alice/f"); ok {
				t.Error("it was made all the same")
			}
		})
	}
	r := newRig(t)
	f := r.open("/f", create)
	_, err := f.WriteAt([]byte("x"), 10)
	r.must(err)
	r.is(f.Close(), errHole)
	r.missing("/f")
}

func TestAnExclusiveFileReplacesNothing(t *testing.T) {
	t.Parallel()
	for _, size := range []int{5, part + 5} {
		r := newRig(t)
		f := r.open("/f", os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		_, err := f.Write(content(size))
		r.must(err)
		r.store.Put("ftp/alice/f", []byte("another's"))
		r.is(f.Close(), fs.ErrExist)
		r.holds("/f", []byte("another's"))
		_, err = r.OpenFile("/f", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0)
		r.is(err, fs.ErrExist)
	}
}

func TestATimeThatIsSetWhileAFileIsWrittenIsKept(t *testing.T) {
	t.Parallel()
	when := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, size := range []int{5, part + 5} {
		r := newRig(t)
		f := r.open("/f", create)
		_, err := f.Write(content(size))
		r.must(err)
		r.must(f.(*upload).Chtimes(time.Time{}, when))
		r.must(f.Close())
		if i, err := r.Stat("/f"); err != nil || !i.ModTime().Equal(when) {
			t.Errorf("with %d bytes: %v, %v", size, i, err)
		}
		if m := r.store.Meta("ftp/alice/f", "mtime"); m != "1580702706" {
			t.Errorf("rclone would read %q", m)
		}
		r.holds("/f", content(size))
	}
}
