package objectstore

import (
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

type listed struct {
	Key          string
	ETag         string
	Size         int
	LastModified string
}

type listedFolder struct{ Prefix string }

type listResult struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	EncodingType          string   `xml:",omitempty"`
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
	Contents              []listed
	CommonPrefixes        []listedFolder
}

func (s *Store) list(out *answer, r *http.Request) error {
	q := r.URL.Query()
	prefix, delimiter, after := q.Get("prefix"), q.Get("delimiter"), q.Get("continuation-token")
	limit := 1000
	if n, err := strconv.Atoi(q.Get("max-keys")); err == nil {
		limit = min(limit, n)
	}
	encode := func(s string) string { return s }
	result := listResult{EncodingType: q.Get("encoding-type")}
	if result.EncodingType == "url" {
		encode = url.QueryEscape
	}
	last := ""
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		rest, ok := strings.CutPrefix(key, prefix)
		folder := ""
		if i := strings.Index(rest, delimiter); ok && delimiter != "" && i >= 0 {
			folder = prefix + rest[:i+len(delimiter)]
		}
		switch {
		case !ok, folder == "" && key <= after, folder != "" && (folder <= after || folder == last):
			continue
		case len(result.Contents)+len(result.CommonPrefixes) == limit:
			result.IsTruncated, result.NextContinuationToken = true, last
			out.xml(result)
			return nil
		case folder != "":
			result.CommonPrefixes = append(result.CommonPrefixes, listedFolder{encode(folder)})
			last = folder
		default:
			o := s.objects[key]
			result.Contents = append(result.Contents, listed{encode(key), o.etag, len(o.data), stamp(o.changed)})
			last = key
		}
	}
	out.xml(result)
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
