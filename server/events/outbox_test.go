package events

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

var forever = -1

func TestAnEventIsRecordedBeforeTheFileIsVisible(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := &process{world: w, left: forever}
	o := w.outbox(p, "http://nobody.invalid")
	seen := false
	err := o.Do(UploadCompleted, Data{Path: "/f", Location: "/f"}, check{}, func() error {
		seen = len(w.keys("pending/")) == 1 && len(w.keys("ready/")) == 0
		return nil
	})
	if err != nil || !seen || len(w.keys("pending/")) != 0 || len(w.keys("ready/")) != 1 {
		t.Errorf("%v; before it was done, it was pending: %t; then: %v", err, seen, w.records)
	}
	errFailed := errors.New("it could not be done")
	if err := o.Do(UploadCompleted, Data{Path: "/f"}, check{}, func() error { return errFailed }); !errors.Is(err, errFailed) {
		t.Errorf("got %v", err)
	}
	if len(w.keys("pending/")) != 0 || len(w.keys("ready/")) != 1 {
		t.Errorf("of what was not done is told: %v", w.records)
	}
	w.fail = func(op, _ string) error {
		if op == "put" {
			return errors.New("the volume is full")
		}
		return nil
	}
	if err := o.Do(UploadCompleted, Data{Path: "/f"}, check{}, func() error { t.Error("it is done, though nobody will know"); return nil }); err == nil {
		t.Error("it is said to be done")
	}
	if n := o.State().Undelivered; n != 1 {
		t.Errorf("%d events are counted, of one", n)
	}
}

// A process is killed at each of its steps, once with the last one done and once without. The client
// repeats what had no success.
func TestNoEventIsMissingWhereverAProcessIsKilled(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		for _, retry := range []bool{false, true} {
			for steps := 1; ; steps++ {
				name := fmt.Sprintf("after %d steps, the last done: %t, repeated: %t", steps, late, retry)
				if !killedAfter(t, name, steps, late, retry) {
					break
				}
			}
		}
	}
}

func killedAfter(t *testing.T, name string, steps int, late, retry bool) (killed bool) {
	t.Helper()
	w := newWorld(t)
	r := newReceiver(t, nil)
	defer r.Close()
	first := &process{world: w, left: steps, late: late}
	o := w.outbox(first, r.URL)
	if err := o.renew(t.Context()); err != nil && !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	err := upload(o, first, "f", "bytes")
	if err == nil { // and delivers, perhaps
		if i, _, _ := o.queue.first(); i != nil {
			o.attempt(t.Context(), i)
		}
	}
	killed = first.left == 0
	first.left = 0
	second := &process{world: w, left: forever}
	b := w.outbox(second, r.URL)
	if retry && err != nil {
		if _, there := w.files["/home/f"]; !there {
			if err := upload(b, second, "f", "bytes"); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop := w.run(b)
	eventually(t, name, func() error {
		if left := append(append(w.keys("pending/"), w.keys("ready/")...), w.keys("runs/"+o.run)...); len(left) > 0 {
			return fmt.Errorf("not settled: %v", left)
		}
		return nil
	})
	stop()
	_, visible := w.files["/home/f"]
	if told := r.paths["/home/f"]; visible && told != 1 || !visible && told != 0 {
		t.Errorf("%s: the file is visible: %t, and %d events tell of it", name, visible, told)
	}
	return killed
}

func TestTheEventsOfARunThatHasEndedAreDelivered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := &process{world: w, left: forever}
	r := newReceiver(t, func(rw http.ResponseWriter, _ int, _ string) bool { return true })
	o := w.outbox(p, "http://127.0.0.1:1") // where nobody listens
	stop := w.run(o)
	for n := range 5 {
		if err := upload(o, p, fmt.Sprint(n), fmt.Sprint("token", n)); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if leases := w.keys("runs/"); len(leases) != 1 || !strings.HasSuffix(leases[0], "@"+free) {
		t.Errorf("the run is not given up: %v", leases)
	}
	next := w.outbox(p, r.URL)
	w.run(next)
	eventually(t, "another run delivers them", r.wants(5))
	eventually(t, "nothing is left", func() error {
		if left := append(w.keys("ready/"), w.keys("runs/"+o.run)...); len(left) > 0 || next.State().Undelivered != 0 {
			return fmt.Errorf("%v, %+v", left, next.State())
		}
		return nil
	})
}

func TestWhatALivingRunDoesIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := &process{world: w, left: forever}
	r := newReceiver(t, nil)
	a, b := w.outbox(p, r.URL), w.outbox(p, r.URL)
	w.run(a)
	w.run(b)
	err := a.Do(UploadCompleted, Data{Path: "/f", Location: "/f"}, check{Location: "/f", Token: "token"}, func() error {
		beats := func() uint64 { b.mu.Lock(); defer b.mu.Unlock(); return b.beats }
		end := beats() + 10*staleAfter
		eventually(t, "the other run would have taken this one for dead", func() error {
			if n := beats(); n < end {
				return fmt.Errorf("%d of %d beats", n, end)
			}
			return nil
		})
		if len(w.keys("pending/")) != 1 {
			t.Error("another run has settled what goes on")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is told", r.wants(1))
	if r.paths["/f"] != 1 {
		t.Errorf("%d events tell of one file", r.paths["/f"])
	}
}

func TestTooManyUndeliveredEventsRefuseUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := &process{world: w, left: forever}
	r := newReceiver(t, nil)
	o := w.outbox(p, "http://127.0.0.1:1", func(o *Options) { o.Max = 3 })
	w.run(o)
	for n := range 3 {
		if err := upload(o, p, fmt.Sprint(n), fmt.Sprint("token", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := upload(o, p, "4", "token4"); !errors.Is(err, ErrFull) || w.files["/home/4"] != "" {
		t.Errorf("got %v", err)
	}
	if err := o.room(UploadCompleted, Data{Path: "/4"}); !errors.Is(err, ErrFull) || !o.State().Full {
		t.Errorf("got %v, %+v", err, o.State())
	}
	o.Use(config.Events{Sink: r.URL, Paths: []string{"/inbox/**"}})
	if err := o.room(UploadCompleted, Data{Path: "/4"}); err != nil {
		t.Errorf("of what nothing is told: %v", err)
	}
	o.Use(config.Events{Sink: r.URL})
	eventually(t, "there is room again", func() error { return o.room(UploadCompleted, Data{Path: "/4"}) })
	eventually(t, "all are delivered", r.wants(3))
}

func TestWhatTheStoreRefusesIsDoneLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := &process{world: w, left: forever}
	r := newReceiver(t, nil)
	o := w.outbox(p, r.URL)
	w.fail = func(op, key string) error {
		if (op == "move" || op == "remove") && strings.HasPrefix(key, "pending/") {
			return errors.New("not now")
		}
		return nil
	}
	w.run(o)
	if err := upload(o, p, "f", "token"); err != nil {
		t.Errorf("the file is visible, and its client is told %v", err)
	}
	errFailed := errors.New("failed")
	if err := o.Do(UploadCompleted, Data{Path: "/g", Location: "/g"}, check{Token: "other"}, func() error { return errFailed }); !errors.Is(err, errFailed) {
		t.Errorf("got %v", err)
	}
	w.mu.Lock()
	w.fail = nil
	w.mu.Unlock()
	eventually(t, "it is told", r.wants(1))
	eventually(t, "nothing is left", func() error {
		if left := append(w.keys("ready/"), w.keys("pending/")...); len(left) > 0 || o.State().Undelivered != 0 {
			return fmt.Errorf("%v, %+v", left, o.State())
		}
		return nil
	})
}

func TestARecordThatCannotBeReadIsADeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := &process{world: w, left: forever}
	w.records = map[string][]byte{"pending/a": nil, "ready/old/b": []byte("{"), "runs/old@" + free: nil}
	o := w.outbox(p, newReceiver(t, nil).URL)
	w.run(o)
	eventually(t, "both are kept", func() error {
		if dead := w.keys("dead/"); len(dead) != 2 || o.State().Undelivered != 0 {
			return fmt.Errorf("%v, %+v", dead, o.State())
		}
		return nil
	})
}
