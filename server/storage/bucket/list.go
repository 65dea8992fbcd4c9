package bucket

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// List implements [storage.FS]. One request is made for each page, of 1,000 entries
// mostly, when its first entry is asked for. The times are those that the store has: for
// others, each object would have to be asked for.
//
// Keys that no name leads to are left out: those with an empty part, "." or "..". Of an object
// and a folder of the same name, the object is listed.
func (t *tree) List(name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		p, err := t.at(name, false)
		if err == nil {
			err = t.list(p, yield)
		}
		if err != nil {
			yield(nil, named("list", name, err))
		}
	}
}

func (t *tree) list(p place, yield func(fs.FileInfo, error) bool) error {
	prefix := t.prefix(p)
	seen, files := p.name == "/", shadows{}
	for entry, err := range t.bucket.entries(prefix, "/") {
		if err != nil {
			return err
		}
		seen = true
		base := strings.TrimSuffix(strings.TrimPrefix(entry.key, prefix), "/")
		switch {
		case base == "" || base == "." || base == ".." || strings.ContainsRune(base, 0) || storage.Reserved(base):
			continue // a marker, or what has no name here
		case !entry.folder:
			files.add(base)
			if !yield(entry.fileInfo(base), nil) {
				return nil
			}
		case files.has(base):
		case !yield(t.folderInfo(joined(p.name, base)), nil):
			return nil
		}
	}
	if seen {
		return nil
	}
	ctx, cancel := withTime()
	defer cancel()
	if _, err := t.bucket.head(ctx, p.key); err == nil {
		return syscall.ENOTDIR
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fs.ErrNotExist
}

func joined(folder, base string) string {
	if folder == "/" {
		return "/" + base
	}
	return folder + "/" + base
}

// shadows are the files that a folder of the same name may come after: those whose name
// begins the name of the last one. Entries come in order, and between "a" and "a/" come
// such as "a-b" only. So there are never more of them than a key has bytes.
type shadows []string

func (s *shadows) add(file string) {
	s.forget(file)
	*s = append(*s, file)
}

func (s *shadows) has(folder string) bool {
	s.forget(folder)
	return len(*s) > 0 && (*s)[len(*s)-1] == folder
}

func (s *shadows) forget(next string) {
	for len(*s) > 0 && !strings.HasPrefix(next, (*s)[len(*s)-1]) {
		*s = (*s)[:len(*s)-1]
	}
}

// An entry of a listing is an object, of which only key, etag, size and time are known, or a
// folder, of which only the key is, with a slash at the end.
type entry struct {
	object
	folder bool
}

// entries yields what has a prefix, in the order of keys; with a delimiter, what has
// it further on as folders.
func (b *Bucket) entries(prefix, delimiter string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		in := &s3.ListObjectsV2Input{
			Bucket: b.name(), Prefix: &prefix, Delimiter: optional(delimiter), EncodingType: types.EncodingTypeUrl,
		}
		for {
			out, err := b.page(in)
			if err != nil {
				yield(entry{}, err)
				return
			}
			if !merged(out, yield) {
				return
			}
			if !aws.ToBool(out.IsTruncated) || aws.ToString(out.NextContinuationToken) == "" {
				return
			}
			in.ContinuationToken = out.NextContinuationToken
		}
	}
}

func (b *Bucket) page(in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := b.api.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, wrap("ListObjectsV2", err)
	}
	return out, nil
}

// merged yields the objects and folders of a page in one order, and returns false if it is told to
// stop.
func merged(out *s3.ListObjectsV2Output, yield func(entry, error) bool) bool {
	plain := func(s *string) string { return decoded(aws.ToString(s), out.EncodingType) }
	objects, folders := out.Contents, out.CommonPrefixes
	for len(objects)+len(folders) > 0 {
		if len(objects) == 0 || len(folders) > 0 && plain(folders[0].Prefix) < plain(objects[0].Key) {
			key := plain(folders[0].Prefix)
			folders = folders[1:]
			if !yield(entry{object{key: key}, true}, nil) {
				return false
			}
			continue
		}
		o := objects[0]
		objects = objects[1:]
		found := object{
			key: plain(o.Key), etag: aws.ToString(o.ETag), size: aws.ToInt64(o.Size), modified: o.LastModified.In(time.UTC),
		}
		if !yield(entry{found, false}, nil) {
			return false
		}
	}
	return true
}

// decoded is a key as it is, which the store has escaped if it says so: XML cannot hold
// all characters.
func decoded(s string, encoding types.EncodingType) string {
	if encoding != types.EncodingTypeUrl {
		return s
	}
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
