// Package objectstore is a small store in memory that speaks as much of S3's API as the
// server uses, counts the requests, and fails as tests want it to. It checks no signature.
package objectstore

import (
	"crypto/md5" // what S3 makes ETags of
	"encoding/hex"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Bucket is the name of the only bucket.
const Bucket = "files"

// minPart is how small a part may be that is not the last.
const minPart = 5 << 20

// A Store is a bucket.
type Store struct {
	URL string

	mu       sync.Mutex
	objects  map[string]*object
	uploads  map[string]*multipart
	next     int
	requests int
	calls    map[string]int
	fault    func(n int, call, key string) Fault
}

type object struct {
	data    []byte
	etag    string
	meta    http.Header
	changed time.Time
}

type multipart struct {
	key   string
	begun time.Time
	meta  http.Header
	parts map[int]*object
}

// New starts a store that ends with the test.
func New(t testing.TB) *Store {
	t.Helper()
	s := &Store{objects: map[string]*object{}, uploads: map[string]*multipart{}, calls: map[string]int{}}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	s.URL = web.URL
	return s
}

// Fail has each request answered as f says. n counts from 1 from now on.
func (s *Store) Fail(f func(n int, call, key string) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.requests = f, 0
}

// Calls returns how many requests of each kind there were since it was asked last.
func (s *Store) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = map[string]int{}
	return calls
}

// Requests is how many requests there were since Fail.
func (s *Store) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Keys are those of all objects.
func (s *Store) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.objects))
}

// Uploads is how many multipart uploads have begun and not ended.
func (s *Store) Uploads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.uploads)
}

// Put makes an object, as another program would.
func (s *Store) Put(key string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = newObject(data, http.Header{})
}

// PutWith is Put with headers that the object is described by.
func (s *Store) PutWith(key string, data []byte, meta http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = newObject(data, meta)
}

// Get returns the content of an object.
func (s *Store) Get(key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[key]
	if !ok {
		return nil, false
	}
	return o.data, true
}

// Meta returns what the metadata of an object says.
func (s *Store) Meta(key, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.objects[key]; ok {
		return o.meta.Get("x-amz-meta-" + name)
	}
	return ""
}

// Age makes everything older.
func (s *Store) Age(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.objects {
		o.changed = o.changed.Add(-by)
	}
	for _, u := range s.uploads {
		u.begun = u.begun.Add(-by)
		for _, p := range u.parts {
			p.changed = p.changed.Add(-by)
		}
	}
}

func newObject(data []byte, meta http.Header) *object {
	sum := md5.Sum(data)
	return &object{data: data, etag: `"` + hex.EncodeToString(sum[:]) + `"`, meta: meta, changed: time.Now()}
}

// A failure is an answer that is an error of S3.
type failure struct {
	status int
	code   string
}

func (f *failure) Error() string { return f.code }

var (
	noKey        = &failure{http.StatusNotFound, "NoSuchKey"}
	noUpload     = &failure{http.StatusNotFound, "NoSuchUpload"}
	noBucket     = &failure{http.StatusNotFound, "NoSuchBucket"}
	precondition = &failure{http.StatusPreconditionFailed, "PreconditionFailed"}
	tooSmall     = &failure{http.StatusBadRequest, "EntityTooSmall"}
	badPart      = &failure{http.StatusBadRequest, "InvalidPart"}
	badRange     = &failure{http.StatusRequestedRangeNotSatisfiable, "InvalidRange"}
	noCall       = &failure{http.StatusNotImplemented, "NotImplemented"}
)

func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	call := callOf(r, key)
	s.mu.Lock()
	s.requests++
	s.calls[call]++
	var fault Fault
	if s.fault != nil {
		fault = s.fault(s.requests, call, key)
	}
	s.mu.Unlock()
	if fault.before(w, r) {
		return
	}
	out := &answer{header: http.Header{}, status: http.StatusOK}
	if bucket != Bucket {
		err = noBucket
	} else {
		s.mu.Lock()
		err = s.serve(out, r, call, key, body)
		s.mu.Unlock()
	}
	if f, ok := err.(*failure); ok {
		out.status = f.status
		out.xml(struct {
			XMLName xml.Name `xml:"Error"`
			Code    string
		}{Code: f.code})
	}
	fault.after(w, r, out)
}

// An answer is one that is not sent yet.
type answer struct {
	header http.Header
	status int
	body   []byte
}

func (a *answer) xml(v any) {
	b, err := xml.Marshal(v)
	if err != nil {
		panic(err)
	}
	a.body = append([]byte(xml.Header), b...)
	a.header.Set("Content-Type", "application/xml")
}

func (a *answer) send(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), a.header)
	if w.Header().Get("Content-Length") == "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.body) // the client may have gone
	}
}

// callOf is the name of a request.
func callOf(r *http.Request, key string) string {
	q := r.URL.Query()
	copies := r.Header.Get("X-Amz-Copy-Source") != ""
	switch {
	case key == "" && q.Has("uploads"):
		return "ListMultipartUploads"
	case key == "":
		return "ListObjectsV2"
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		return "CompleteMultipartUpload"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "AbortMultipartUpload"
	case r.Method == http.MethodGet && q.Has("uploadId"):
		return "ListParts"
	case r.Method == http.MethodPut && q.Has("uploadId") && copies:
		return "UploadPartCopy"
	case r.Method == http.MethodPut && q.Has("uploadId"):
		return "UploadPart"
	case r.Method == http.MethodPut && copies:
		return "CopyObject"
	}
	return map[string]string{
		http.MethodPut: "PutObject", http.MethodGet: "GetObject", http.MethodHead: "HeadObject", http.MethodDelete: "DeleteObject",
	}[r.Method]
}

func (s *Store) serve(out *answer, r *http.Request, call, key string, body []byte) error {
	switch call {
	case "PutObject":
		return s.put(out, r, key, body)
	case "GetObject", "HeadObject":
		return s.get(out, r, key)
	case "DeleteObject":
		delete(s.objects, key)
		out.status = http.StatusNoContent
		return nil
	case "CopyObject":
		return s.copy(out, r, key)
	case "ListObjectsV2":
		return s.list(out, r)
	}
	return s.serveMultipart(out, r, call, key, body)
}
