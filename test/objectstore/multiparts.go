package objectstore

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

func (s *Store) serveMultipart(out *answer, r *http.Request, call, key string, body []byte) error {
	q := r.URL.Query()
	id := q.Get("uploadId")
	switch call {
	case "CreateMultipartUpload":
		s.next++
		id = "upload-" + strconv.Itoa(s.next)
		s.uploads[id] = &multipart{key: key, begun: time.Now(), meta: metaOf(r.Header), parts: map[int]*object{}}
		out.xml(struct {
			XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
			UploadId string
		}{UploadId: id})
		return nil
	case "ListMultipartUploads":
		s.listUploads(out)
		return nil
	}
	u := s.uploads[id]
	if u == nil || u.key != key {
		return noUpload
	}
	number, _ := strconv.Atoi(q.Get("partNumber"))
	switch call {
	case "UploadPart":
		u.parts[number] = newObject(body, nil)
		out.header.Set("ETag", u.parts[number].etag)
	case "UploadPartCopy":
		from, err := s.source(r)
		if err != nil {
			return err
		}
		first, end, err := parseRange(r.Header.Get("X-Amz-Copy-Source-Range"), len(from.data))
		if err != nil {
			return err
		}
		u.parts[number] = newObject(from.data[first:end], nil)
		out.xml(copyResult{xml.Name{Local: "CopyPartResult"}, u.parts[number].etag})
	case "ListParts":
		u.list(out)
	case "AbortMultipartUpload":
		delete(s.uploads, id)
		out.status = http.StatusNoContent
	case "CompleteMultipartUpload":
		return s.complete(out, r, u, id, body)
	default:
		return noCall
	}
	return nil
}

func (s *Store) complete(out *answer, r *http.Request, u *multipart, id string, body []byte) error {
	var want struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.Unmarshal(body, &want); err != nil || len(want.Part) == 0 {
		return badPart
	}
	var data []byte
	for i, p := range want.Part {
		part := u.parts[p.PartNumber]
		switch {
		case part == nil || part.etag != p.ETag:
			return badPart
		case i < len(want.Part)-1 && len(part.data) < minPart:
			return tooSmall
		}
		data = append(data, part.data...)
	}
	if err := s.fits(r, u.key); err != nil {
		return err
	}
	o := newObject(data, u.meta)
	o.etag = fmt.Sprintf("%s-%d\"", o.etag[:len(o.etag)-1], len(want.Part))
	s.objects[u.key] = o
	delete(s.uploads, id)
	out.xml(copyResult{xml.Name{Local: "CompleteMultipartUploadResult"}, o.etag})
	return nil
}

func (u *multipart) list(out *answer) {
	type part struct {
		PartNumber   int
		ETag         string
		Size         int
		LastModified string
	}
	result := struct {
		XMLName xml.Name `xml:"ListPartsResult"`
		Part    []part
	}{}
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		p := u.parts[n]
		result.Part = append(result.Part, part{n, p.etag, len(p.data), stamp(p.changed)})
	}
	out.xml(result)
}

func (s *Store) listUploads(out *answer) {
	type upload struct {
		Key       string
		UploadId  string
		Initiated string
	}
	result := struct {
		XMLName xml.Name `xml:"ListMultipartUploadsResult"`
		Upload  []upload
	}{}
	for _, id := range slices.Sorted(maps.Keys(s.uploads)) {
		u := s.uploads[id]
		result.Upload = append(result.Upload, upload{u.key, id, stamp(u.begun)})
	}
	out.xml(result)
}
