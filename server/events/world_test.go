package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// deadline is for anything that should happen soon. It is long because the machine may be
// busy.
const deadline = 60 * time.Second

var errKilled = errors.New("the process was killed")

// A world is a volume that several processes share.
type world struct {
	t        *testing.T
	mu       sync.Mutex
	records  map[string][]byte
	versions map[string]int
	files    map[string]string // their tokens, by location
	fail     func(op, key string) error
}

func newWorld(t *testing.T) *world {
	return &world{t: t, records: map[string][]byte{}, versions: map[string]int{}, files: map[string]string{}}
}

// A process uses the world until it is killed.
type process struct {
	*world
	// left is how many steps it has to live; below zero it lives on.
	left int
	// late says that the last step is done, though nobody learns of it.
	late bool
}

// step does one step in the store, or of a file.
func (p *process) step(op, key string, do func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == 0 {
		return errKilled
	}
	if p.fail != nil {
		if err := p.fail(op, key); err != nil {
			return err
		}
	}
	if p.left--; p.left == 0 {
		if p.late {
			_ = do()
		}
		return errKilled
	}
	return do()
}

func (p *process) set(key string, data []byte) {
	p.records[key] = data
	p.versions[key]++
}

func (p *process) Put(_ context.Context, key string, data []byte) error {
	return p.step("put", key, func() error { p.set(key, data); return nil })
}

func (p *process) Get(_ context.Context, key string) (data []byte, err error) {
	err = p.step("get", key, func() error {
		found, ok := p.records[key]
		if data = found; !ok {
			return fs.ErrNotExist
		}
		return nil
	})
	return data, err
}

func (p *process) Move(_ context.Context, from, to string, _ []byte) error {
	return p.step("move", from, func() error {
		data, ok := p.records[from]
		if !ok {
			return fs.ErrNotExist
		}
		delete(p.records, from)
		p.set(to, data)
		return nil
	})
}

func (p *process) Remove(_ context.Context, key string) error {
	return p.step("remove", key, func() error { delete(p.records, key); return nil })
}

func (p *process) Touch(_ context.Context, key string, n uint64) error {
	return p.step("touch", key, func() error { p.set(key, []byte(strconv.FormatUint(n, 10))); return nil })
}

func (p *process) Prune(context.Context, string) {}

func (p *process) List(_ context.Context, folder string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		var found []Entry
		err := p.step("list", folder, func() error {
			for _, key := range slices.Sorted(maps.Keys(p.records)) {
				if name, ok := strings.CutPrefix(key, folder+"/"); ok && !strings.Contains(name, "/") {
					found = append(found, Entry{name, strconv.Itoa(p.versions[key])})
				}
			}
			return nil
		})
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for _, e := range found {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// token is that of a file.
func (w *world) token(location string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files[location], nil
}

// rename is what makes an upload visible.
func (p *process) rename(from, to string) func() error {
	return func() error {
		return p.step("rename", from, func() error {
			token, ok := p.files[from]
			if !ok {
				return fs.ErrNotExist
			}
			delete(p.files, from)
			p.files[to] = token
			return nil
		})
	}
}

func (w *world) keys(folder string) (keys []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key := range w.records {
		if strings.HasPrefix(key, folder) {
			keys = append(keys, key)
		}
	}
	return keys
}

// outbox returns that of a process.
func (w *world) outbox(p *process, sink string, change ...func(*Options)) *Outbox {
	o := Options{
		Store: p, Token: w.token, Server: "partners", Namespace: "ns",
		beat: 10 * time.Millisecond, wait: time.Millisecond,
	}
	for _, c := range change {
		c(&o)
	}
	b := Open(o)
	b.Use(config.Events{Sink: sink, Server: "partners", Namespace: "ns"})
	return b
}

// run lets an outbox deliver until the test ends, or stop is called.
func (w *world) run(o *Outbox) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	w.t.Cleanup(stop)
	return stop
}

// upload uploads a file whose bytes have a token.
func upload(o *Outbox, p *process, name, token string) error {
	hidden := "/home/.upload." + name
	p.mu.Lock()
	if p.left != 0 {
		p.files[hidden] = token
	}
	p.mu.Unlock()
	d := Data{User: "alice", Path: "/" + name, Location: "/home/" + name}
	c := check{Location: d.Location, From: hidden, Token: token}
	return o.Do(UploadCompleted, d, c, p.rename(hidden, d.Location))
}

// A receiver takes events, and answers as it is told.
type receiver struct {
	*httptest.Server
	t      *testing.T
	mu     sync.Mutex
	got    map[string]int // how often, by identifier
	paths  map[string]int // how many identifiers, by location
	tried  int
	answer func(w http.ResponseWriter, tried int, path string) (takes bool)
}

func newReceiver(t *testing.T, answer func(w http.ResponseWriter, tried int, path string) bool) *receiver {
	r := &receiver{t: t, got: map[string]int{}, paths: map[string]int{}, answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var e envelope
	if err := errors.Join(err, json.Unmarshal(body, &e)); err != nil {
		r.t.Errorf("an event: %v in %s", err, body)
	}
	r.mu.Lock()
	r.tried++
	tried := r.tried
	r.mu.Unlock()
	if r.answer != nil && !r.answer(w, tried, e.Data.Location) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.got[e.ID]++; r.got[e.ID] == 1 {
		r.paths[e.Data.Location]++
	}
}

func (r *receiver) count() (events, tried int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got), r.tried
}

func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func (r *receiver) wants(n int) func() error {
	return func() error {
		if got, _ := r.count(); got != n {
			return fmt.Errorf("%d of %d events", got, n)
		}
		return nil
	}
}
