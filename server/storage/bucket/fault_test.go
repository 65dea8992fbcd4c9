package bucket

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/objectstore"
)

// An action is what a user does, with the state that it begins with and the ones that it may
// leave.
type action struct {
	before func(r *rig)
	do     func(r *rig) error
	done   func(r *rig) error // the state after a success
	not    func(r *rig) error // and after a failure
	hangs  bool               // it is tried with a store that hangs too, which takes its time
}

var actions = map[string]action{
	"upload in parts": {
		before: func(r *rig) { r.put("/f", []byte("old")) },
		do:     func(r *rig) error { return upload1(r, "/f", stor, content(2*part+9)) },
		done:   func(r *rig) error { return has(r, "/f", content(2*part+9)) },
		not:    func(r *rig) error { return has(r, "/f", []byte("old")) },
		hangs:  true,
	},
	"small upload": {
		before: func(r *rig) {},
		do:     func(r *rig) error { return upload1(r, "/f", stor, []byte("new")) },
		done:   func(r *rig) error { return has(r, "/f", []byte("new")) },
		not:    func(r *rig) error { return hasNone(r, "/f") },
		hangs:  true,
	},
	"exclusive upload": {
		before: func(r *rig) {},
		do:     func(r *rig) error { return upload1(r, "/f", os.O_WRONLY|os.O_CREATE|os.O_EXCL, content(part+1)) },
		done:   func(r *rig) error { return has(r, "/f", content(part+1)) },
		not:    func(r *rig) error { return hasNone(r, "/f") },
	},
	"append": {
		before: func(r *rig) { r.put("/f", content(part+1)) },
		do:     func(r *rig) error { return upload1(r, "/f", appe, []byte("more")) },
		done:   func(r *rig) error { return has(r, "/f", append(content(part+1), "more"...)) },
		not:    func(r *rig) error { return has(r, "/f", content(part+1)) },
	},
	"going on with an upload": {
		before: func(r *rig) { r.cut("/f", content(part + 9)[:part+2]) },
		do: func(r *rig) error {
			f, err := r.OpenFile("/f", rest, 0)
			if err != nil {
				return err
			}
			if _, err := f.(interface {
				WriteAt([]byte, int64) (int, error)
			}).WriteAt(content(part + 9)[part+2:], part+2); err != nil {
				return errors.Join(err, closeCut(f))
			}
			return f.Close()
		},
		done: func(r *rig) error { return has(r, "/f", content(part+9)) },
		not:  func(r *rig) error { return hasNone(r, "/f") },
	},
	"download": {
		before: func(r *rig) { r.put("/f", content(part+9)) },
		do:     func(r *rig) error { return has(r, "/f", content(part+9)) },
		done:   func(r *rig) error { return nil },
		not:    func(r *rig) error { return nil },
		hangs:  true,
	},
	"rename": {
		before: func(r *rig) { r.put("/f", content(99)) },
		do:     func(r *rig) error { return r.Rename("/f", "/g") },
		done:   func(r *rig) error { return errors.Join(has(r, "/g", content(99)), hasNone(r, "/f")) },
		not:    func(r *rig) error { return has(r, "/f", content(99)) },
		hangs:  true,
	},
	"rename of a folder": {
		before: func(r *rig) { r.put("/d/f", content(99)); r.put("/d/g", content(98)) },
		do:     func(r *rig) error { return r.Rename("/d", "/e") },
		done:   func(r *rig) error { return errors.Join(has(r, "/e/f", content(99)), has(r, "/e/g", content(98))) },
		not: func(r *rig) error { // each is under one name at least
			_, f := r.store.Get("ftp/alice/d/f")
			_, g := r.store.Get("ftp/alice/d/g")
			_, f2 := r.store.Get("ftp/alice/e/f")
			_, g2 := r.store.Get("ftp/alice/e/g")
			if !f && !f2 || !g && !g2 {
				return fmt.Errorf("a file is lost: %q", r.store.Keys())
			}
			return nil
		},
	},
	"times": {
		before: func(r *rig) { r.put("/f", content(99)) },
		do:     func(r *rig) error { return r.Chtimes("/f", time.Time{}, time.Unix(1, 0)) },
		done:   func(r *rig) error { return has(r, "/f", content(99)) },
		not:    func(r *rig) error { return has(r, "/f", content(99)) },
	},
	"removal": {
		before: func(r *rig) { r.put("/f", content(99)) },
		do:     func(r *rig) error { return r.Remove("/f") },
		done:   func(r *rig) error { return hasNone(r, "/f") },
		not:    func(r *rig) error { return nil },
	},
	"folder and listing": {
		before: func(r *rig) {},
		do: func(r *rig) error {
			if err := r.Mkdir("/d", 0); err != nil {
				return err
			}
			for _, err := range r.List("/") {
				if err != nil {
					return err
				}
			}
			return r.RemoveDir("/d")
		},
		done: func(r *rig) error { return nil },
		not:  func(r *rig) error { return nil },
	},
}

func TestARequestThatFailsOnceIsTriedAgain(t *testing.T) {
	t.Parallel()
	faults := []objectstore.Fault{objectstore.Busy, objectstore.Reset, objectstore.Lost, objectstore.Cut, objectstore.Hung, objectstore.Slow, objectstore.Skewed}
	forEachRequest(t, faults, func(r *rig, a action, n int, fault objectstore.Fault) (failed bool) {
		r.store.Fail(func(i int, _, _ string) objectstore.Fault {
			if i != n {
				return objectstore.None
			}
			failed = true
			return fault
		})
		err := a.do(r)
		r.store.Fail(nil)
		if err == nil {
			err = a.done(r)
		}
		if err != nil {
			r.t.Error(err)
		}
		return failed
	})
}

func TestARequestThatFailsForGoodIsAnErrorAndNothingHalfIsSeen(t *testing.T) {
	t.Parallel()
	faults := []objectstore.Fault{objectstore.Busy, objectstore.Denied, objectstore.Lost, objectstore.Slow, objectstore.Skewed}
	forEachRequest(t, faults, func(r *rig, a action, n int, fault objectstore.Fault) (failed bool) {
		r.store.Fail(func(i int, _, _ string) objectstore.Fault {
			if i < n {
				return objectstore.None
			}
			failed = true
			return fault
		})
		err := a.do(r)
		r.store.Fail(nil)
		if !failed {
			return false
		}
		if err != nil && (fault == objectstore.Slow || fault == objectstore.Skewed) {
			r.t.Errorf("it can be done, and the error is %v", err)
		}
		state := a.not(r)
		if err == nil || fault == objectstore.Lost && state != nil {
			state = a.done(r) // what was lost is an answer, and not the work
		}
		if state != nil {
			r.t.Errorf("%v, after %v", state, err)
		}
		if fault == objectstore.Denied && err != nil && !errors.Is(err, fs.ErrPermission) {
			r.t.Errorf("it is refused, and the error is %v", err)
		}
		r.leavesNoOrphan()
		return true
	})
}

// forEachRequest does each action with each fault at the first, the second, and so on up to the
// last request that it makes: try tells whether there was one.
func forEachRequest(t *testing.T, faults []objectstore.Fault, try func(r *rig, a action, n int, fault objectstore.Fault) bool) {
	t.Helper()
	for what, a := range actions {
		for _, fault := range faults {
			if fault == objectstore.Hung && !a.hangs {
				continue
			}
			t.Run(fmt.Sprint(what, fault), func(t *testing.T) {
				t.Parallel()
				for n, more := 1, true; more; n++ {
					t.Run(fmt.Sprint("request ", n), func(t *testing.T) {
						r := newRig(t, func(o *Options) {
							if fault == objectstore.Hung {
								o.silence = 2 * time.Second
							}
						})
						a.before(r)
						more = try(r, a, n, fault)
						if taken, _ := r.Memory(); taken != 0 {
							t.Errorf("%d bytes are taken still", taken)
						}
					})
				}
			})
		}
	}
}

// leavesNoOrphan fails if something is left after the time for which uploads are kept.
func (r *rig) leavesNoOrphan() {
	r.t.Helper()
	r.store.Age(time.Hour)
	r.must(r.Sweep(r.t.Context(), time.Minute))
	if left := r.store.Uploads(); left != 0 {
		r.t.Errorf("%d uploads are left", left)
	}
	for _, key := range r.store.Keys() {
		if strings.HasPrefix(key, "ftp/.upload.") {
			r.t.Errorf("%s is left", key)
		}
	}
}

func TestAnErrorInsideOfAnAnswerWith200IsAnError(t *testing.T) {
	t.Parallel()
	for call, do := range map[string]func(r *rig) error{
		"CompleteMultipartUpload": func(r *rig) error { return upload1(r, "/f", stor, content(part+1)) },
		"CopyObject":              func(r *rig) error { return r.Rename("/old", "/f") },
		"UploadPartCopy": func(r *rig) error {
			r.store.Put("ftp/alice/big", content(part+1))
			return upload1(r, "/big", appe, []byte("x"))
		},
	} {
		r := newRig(t)
		r.put("/old", []byte("old"))
		r.store.Fail(func(_ int, c, _ string) objectstore.Fault {
			if c == call {
				return objectstore.Inside
			}
			return objectstore.None
		})
		if err := do(r); err == nil {
			t.Errorf("%s: no error", call)
		}
		if err := errors.Join(hasNone(r, "/f"), has(r, "/old", []byte("old"))); err != nil {
			t.Errorf("%s: %v", call, err)
		}
	}
}

func TestADownloadNeverMixesTwoFiles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.put("/f", content(part))
	f := r.open("/f", os.O_RDONLY)
	defer f.Close()
	buf := make([]byte, 1000)
	_, err := io.ReadFull(f, buf)
	r.must(err)
	r.put("/f", content(part+1))
	if _, err := f.Seek(2000, 0); err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadAll(f)
	r.is(err, errChanged)
}
