package events

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// some uploads so many files.
func some(t *testing.T, o *Outbox, p *process, n int) {
	t.Helper()
	for i := range n {
		if err := upload(o, p, fmt.Sprint(i), fmt.Sprint("token", i)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatAReceiverAnswersIsHeeded(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		200: "ok", 202: "ok", 204: "ok",
		400: "dead", 413: "dead", 415: "dead", 422: "dead",
		301: "3xx", 302: "3xx", 307: "3xx", 308: "3xx",
		401: "4xx", 403: "4xx", 404: "4xx", 405: "4xx", 408: "4xx", 409: "4xx", 410: "4xx", 429: "4xx",
		500: "5xx", 502: "5xx", 503: "5xx", 504: "5xx",
	} {
		v := judge(&http.Response{StatusCode: status, Header: http.Header{}})
		if v.result != want || v.ok != (want == "ok") || v.dead != (want == "dead") {
			t.Errorf("%d: %+v", status, v)
		}
	}
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "Wed, 21 Oct 2015 07:28:00 GMT": 0, "99999999999999": 0,
	} {
		if got := retryAfter(value); got != want {
			t.Errorf("Retry-After %q: %v", value, got)
		}
	}
}

func TestAReceiverThatFailsOneInThreeGetsAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := &process{world: w, left: forever}
	r := newReceiver(t, func(rw http.ResponseWriter, tried int, _ string) bool {
		if tried%3 == 0 {
			rw.WriteHeader(http.StatusInternalServerError)
			return false
		}
		return true
	})
	o := w.outbox(p, r.URL)
	w.run(o)
	some(t, o, p, 200)
	eventually(t, "all are told", r.wants(200))
	eventually(t, "none is left", func() error {
		if n := o.State(); n.Undelivered != 0 || n.Dead != 0 || n.Failing != "" {
			return fmt.Errorf("%+v", n)
		}
		return nil
	})
}

func TestWhatTheReceiverNeverTakesIsADeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := &process{world: w, left: forever}
	r := newReceiver(t, func(rw http.ResponseWriter, _ int, path string) bool {
		if path == "/home/1" {
			rw.WriteHeader(http.StatusUnprocessableEntity)
			return false
		}
		return true
	})
	o := w.outbox(p, r.URL)
	w.run(o)
	some(t, o, p, 3)
	eventually(t, "the others are told", r.wants(2))
	eventually(t, "it is kept", func() error {
		if s := o.State(); s.Undelivered != 0 || s.Dead != 1 || s.Failing != "" || len(w.keys("dead/")) != 1 {
			return fmt.Errorf("%+v, %v", s, w.keys("dead/"))
		}
		return nil
	})
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := &process{world: w, left: forever}
	elsewhere := newReceiver(t, nil)
	var away atomic.Bool
	away.Store(true)
	r := newReceiver(t, func(rw http.ResponseWriter, _ int, _ string) bool {
		if away.Load() {
			rw.Header().Set("Location", elsewhere.URL)
			rw.WriteHeader(http.StatusTemporaryRedirect)
			return false
		}
		return true
	})
	o := w.outbox(p, r.URL)
	w.run(o)
	some(t, o, p, 1)
	eventually(t, "it is tried again", func() error {
		if _, tried := r.count(); tried < patience {
			return fmt.Errorf("%d times", tried)
		}
		return nil
	})
	eventually(t, "the state says why", func() error {
		if s := o.State(); s.Failing != "it answers 307" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	away.Store(false)
	eventually(t, "it is told", r.wants(1))
	if n, _ := elsewhere.count(); n != 0 {
		t.Error("it was told elsewhere")
	}
}

func TestAReceiverThatAsksForTimeHasIt(t *testing.T) {
	t.Parallel()
	p := pace{unit: time.Millisecond}
	p.leave(verdict{reason: "it answers 429", after: time.Hour})
	if left := time.Until(p.until); left < 50*time.Minute {
		t.Errorf("it is left alone for %v", left)
	}
	p.leave(verdict{reason: "it answers 503", after: 100 * time.Hour})
	if left := time.Until(p.until); left > maxAsked {
		t.Errorf("it is left alone for %v", left)
	}
	p.restart()
	if !p.enter(t.Context()) {
		t.Error("another one has to wait for it")
	}
}

func TestAReceiverThatTakesNothingIsTriedOneByOne(t *testing.T) {
	t.Parallel()
	p := pace{unit: time.Millisecond}
	for range patience {
		p.leave(verdict{reason: "connection refused"})
	}
	if !p.enter(t.Context()) {
		t.Fatal("nothing is tried")
	}
	second := make(chan bool)
	go func() { second <- p.enter(t.Context()) }()
	select {
	case <-second:
		t.Error("two are tried at once")
	case <-time.After(50 * time.Millisecond):
	}
	p.leave(verdict{ok: true})
	if !<-second || p.failing() != "" {
		t.Errorf("it takes events again, and nothing is tried: %q", p.failing())
	}
}

func TestAReceiverThatNeverAnswersIsGivenUp(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hang) })
	var s sink
	s.use(config.Events{Sink: server.URL})
	s.client.Timeout = 50 * time.Millisecond
	if v := s.post(t.Context(), []byte("{}")); v.ok || v.dead || v.result != "timeout" {
		t.Errorf("%+v", v)
	}
}

func TestAnAnswerWithoutEndIsNotRead(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := rw.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	var s sink
	s.use(config.Events{Sink: server.URL})
	if v := s.post(t.Context(), []byte("{}")); !v.ok {
		t.Errorf("%+v", v)
	}
}

func TestAReasonHoldsNoSecret(t *testing.T) {
	t.Parallel()
	var s sink
	s.use(config.Events{Sink: "http://127.0.0.1:1/?key=secret"})
	if v := s.post(t.Context(), nil); v.ok || strings.Contains(v.reason, "secret") || !strings.Contains(v.reason, "refused") {
		t.Errorf("%+v", v)
	}
	s.use(config.Events{Sink: "http://127.0.0.1:1/", CredentialsDir: t.TempDir()})
	if v := s.post(t.Context(), nil); v.result != "credentials" {
		t.Errorf("%+v", v)
	}
}

func TestAFolderKeepsRecords(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	f := OpenFolder(top, "ns.partners")
	ctx := t.Context()
	if _, err := f.Get(ctx, "pending/a"); err == nil {
		t.Error("there is something")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.Put(ctx, "pending/a", []byte("one")))
	must(f.Put(ctx, "pending/a", []byte("two")))
	must(f.Move(ctx, "pending/a", "ready/run/a", nil))
	other := OpenFolder(top, "ns.partners") // another pod
	if data, err := other.Get(ctx, "ready/run/a"); err != nil || string(data) != "two" {
		t.Errorf("%q, %v", data, err)
	}
	if err := other.Move(ctx, "pending/a", "ready/run/a", nil); err == nil {
		t.Error("what is not there was moved")
	}
	version := func() (v string) {
		for e, err := range f.List(ctx, "runs") {
			must(err)
			v = e.Version
		}
		return v
	}
	must(f.Touch(ctx, "runs/r@r", 1))
	before := version()
	eventually(t, "a lease that is renewed is seen to be", func() error {
		must(f.Touch(ctx, "runs/r@r", 2))
		if version() == before {
			return errors.New("it has the same version")
		}
		return nil
	})
	f.Prune(ctx, "ready/run")
	must(f.Remove(ctx, "ready/run/a"))
	must(f.Remove(ctx, "ready/run/a"))
	f.Prune(ctx, "ready/run")
	must(f.Put(ctx, "ready/run/a", []byte("again")))
}
