package objectstore

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
)

// source is the object that a request copies.
func (s *Store) source(r *http.Request) (*object, error) {
	name, err := url.PathUnescape(r.Header.Get("X-Amz-Copy-Source"))
	if err != nil {
		return nil, noKey
	}
	o := s.objects[strings.TrimPrefix(strings.TrimPrefix(name, "/"), Bucket+"/")]
	if o == nil {
		return nil, noKey
	}
	if want := r.Header.Get("X-Amz-Copy-Source-If-Match"); want != "" && o.etag != want {
		return nil, precondition
	}
	return o, nil
}

type copyResult struct {
	XMLName xml.Name
	ETag    string
}

func (s *Store) copy(out *answer, r *http.Request, key string) error {
	from, err := s.source(r)
	if err != nil {
		return err
	}
	meta := from.meta
	if r.Header.Get("X-Amz-Metadata-Directive") == "REPLACE" {
		meta = metaOf(r.Header)
	}
	o := newObject(from.data, meta)
	s.objects[key] = o
	out.xml(copyResult{xml.Name{Local: "CopyObjectResult"}, o.etag})
	return nil
}
