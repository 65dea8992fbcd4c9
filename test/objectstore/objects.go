package objectstore

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// fits checks the conditions of a request that writes.
func (s *Store) fits(r *http.Request, key string) error {
	o := s.objects[key]
	if r.Header.Get("If-None-Match") == "*" && o != nil {
		return precondition
	}
	if want := r.Header.Get("If-Match"); want != "" && (o == nil || o.etag != want) {
		return precondition
	}
	return nil
}

func metaOf(h http.Header) http.Header {
	meta := http.Header{}
	for name, values := range h {
		if strings.HasPrefix(name, "X-Amz-Meta-") || name == "Content-Type" || name == "X-Amz-Storage-Class" || name == "X-Amz-Server-Side-Encryption" {
			meta[name] = values
		}
	}
	return meta
}

func (s *Store) put(out *answer, r *http.Request, key string, body []byte) error {
	if err := s.fits(r, key); err != nil {
		return err
	}
	o := newObject(body, metaOf(r.Header))
	s.objects[key] = o
	out.header.Set("ETag", o.etag)
	return nil
}

func (s *Store) get(out *answer, r *http.Request, key string) error {
	o := s.objects[key]
	if o == nil {
		return noKey
	}
	if want := r.Header.Get("If-Match"); want != "" && o.etag != want {
		return precondition
	}
	maps.Copy(out.header, o.meta)
	out.header.Set("ETag", o.etag)
	out.header.Set("Last-Modified", o.changed.UTC().Format(http.TimeFormat))
	from, to := 0, len(o.data)
	if byRange := r.Header.Get("Range"); byRange != "" {
		var err error
		if from, to, err = parseRange(byRange, len(o.data)); err != nil {
			return err
		}
		out.status = http.StatusPartialContent
		out.header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(o.data)))
	}
	out.body = o.data[from:to]
	return nil
}

func parseRange(s string, size int) (from, to int, err error) {
	first, last, _ := strings.Cut(strings.TrimPrefix(s, "bytes="), "-")
	from, err = strconv.Atoi(first)
	if to = size; err == nil && last != "" {
		to, err = strconv.Atoi(last)
		to = min(to+1, size)
	}
	if err != nil || from >= to {
		return 0, 0, badRange
	}
	return from, to, nil
}
