package bucket

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// maxKey is how many bytes a key has at most.
const maxKey = 1024

// patience is how long an operation on names may take, with all that is tried again.
const patience = 2 * time.Minute

// A tree is the files of one user in one session. There are no links in it, and names
// are what they say: "a/../b" is "b".
type tree struct {
	bucket  *Bucket
	top     string // prefix of all keys: empty, or with a slash at the end
	uploads storage.Uploads

	mu   sync.Mutex
	open map[string]*upload // that this session is writing, by key
}

var _ storage.FS = (*tree)(nil)

// a place is where a name leads.
type place struct {
	name   string // absolute and clean
	key    string // of an object; "" for the top
	folder bool   // a folder is meant: the name ended with a slash
}

// prefix begins the keys of all that is in the place, if it is a folder.
func (t *tree) prefix(p place) string {
	if p.name == "/" {
		return t.top
	}
	return p.key + "/"
}

// at returns where a name leads. makes says that something is to be made there.
func (t *tree) at(name string, makes bool) (place, error) {
	clean := path.Clean("/" + name)
	p := place{name: clean, folder: strings.HasSuffix(name, "/") || strings.HasSuffix(name, "/.") || strings.HasSuffix(name, "/..")}
	switch {
	case name == "" || strings.ContainsRune(name, 0):
		return p, storage.ErrName
	case !utf8.ValidString(name):
		return p, syscall.EILSEQ // a key is UTF-8
	}
	if err := reserved(clean, makes); err != nil {
		return p, err
	}
	if clean == "/" {
		p.folder = true
		return p, nil
	}
	p.key = t.top + clean[1:]
	if len(p.key)+1 > maxKey {
		return p, syscall.ENAMETOOLONG
	}
	return p, nil
}

// withTime returns a context for an operation on names.
func withTime() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// head describes the object with a key.
func (b *Bucket) head(ctx context.Context, key string) (*object, error) {
	out, err := b.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b.name(), Key: &key})
	if err != nil {
		return nil, wrap("HeadObject", err)
	}
	return &object{
		key: key, etag: aws.ToString(out.ETag), size: aws.ToInt64(out.ContentLength),
		modified: aws.ToTime(out.LastModified), meta: lower(out.Metadata), head: out,
	}, nil
}

// lower has the names of metadata in small letters, as not all stores keep them.
func lower(meta map[string]string) map[string]string {
	out := make(map[string]string, len(meta))
	for k, v := range meta {
		out[strings.ToLower(k)] = v
	}
	return out
}

// isFolder reports whether there is anything in a folder, or a marker of it. The top is
// always there.
func (t *tree) isFolder(ctx context.Context, p place) (bool, error) {
	if p.name == "/" {
		return true, nil
	}
	prefix := t.prefix(p)
	out, err := t.bucket.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: t.bucket.name(), Prefix: &prefix, MaxKeys: aws.Int32(1)})
	if err != nil {
		return false, wrap("ListObjectsV2", err)
	}
	return len(out.Contents) > 0 || len(out.CommonPrefixes) > 0, nil
}

// find returns the object or the folder at a place. If both are nil there is neither.
// Where there is an object and a folder of the same name, it is the object, unless the name
// means a folder.
func (t *tree) find(ctx context.Context, p place) (o *object, folder *info, err error) {
	if p.key != "" && !p.folder {
		o, err := t.bucket.head(ctx, p.key)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return o, nil, err
		}
	}
	is, err := t.isFolder(ctx, p)
	if err != nil || !is {
		return nil, nil, err
	}
	return nil, t.folderInfo(p.name), nil
}

// Stat implements [storage.FS]. Where there is nothing else, it describes an upload that
// was cut.
func (t *tree) Stat(name string) (fs.FileInfo, error) { return t.stat("stat", name) }

// Lstat implements [storage.FS].
func (t *tree) Lstat(name string) (fs.FileInfo, error) { return t.stat("lstat", name) }

func (t *tree) stat(op, name string) (fs.FileInfo, error) {
	p, err := t.at(name, false)
	if err != nil {
		return nil, named(op, name, err)
	}
	if u := t.writing(p); u != nil {
		i, err := u.Stat()
		return i, named(op, name, err)
	}
	ctx, cancel := withTime()
	defer cancel()
	o, folder, err := t.find(ctx, p)
	switch {
	case err != nil:
		return nil, named(op, name, err)
	case o != nil:
		return o.fileInfo(p.name), nil
	case folder != nil:
		return folder, nil
	case p.folder:
		return nil, named(op, name, t.missing(ctx, p))
	}
	r, err := t.record(ctx, p)
	if err != nil {
		return nil, named(op, name, err)
	}
	if r == nil {
		return nil, named(op, name, fs.ErrNotExist)
	}
	return storage.AsIncomplete(r.fileInfo(p.name)), nil
}

// missing is the error of a folder that is not there: the name may be that of a file.
func (t *tree) missing(ctx context.Context, p place) error {
	if _, err := t.bucket.head(ctx, p.key); err == nil {
		return syscall.ENOTDIR
	}
	return fs.ErrNotExist
}

// writing returns this session's upload to a place, or nil.
func (t *tree) writing(p place) *upload {
	if p.folder {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[p.key]
}

// Resolve implements [storage.FS]. Folders on the way are there because something is in
// them.
func (t *tree) Resolve(name string, _ bool) (storage.Place, error) {
	p, err := t.at(name, false)
	found := storage.Place{Name: p.name}
	if err != nil {
		return found, named("resolve", name, err)
	}
	for i, c := range p.name {
		switch {
		case i == 0:
			found.IDs = append(found.IDs, t.folderID("/"))
		case c == '/':
			found.IDs = append(found.IDs, t.folderID(p.name[:i]))
		}
	}
	if p.name == "/" {
		return found, nil
	}
	ctx, cancel := withTime()
	defer cancel()
	o, folder, err := t.find(ctx, p)
	switch {
	case err != nil:
		return found, named("resolve", name, err)
	case o != nil:
		found.IDs = append(found.IDs, o.id())
	case folder != nil:
		found.IDs = append(found.IDs, folder.id)
	}
	return found, nil
}

// Realpath implements [storage.FS].
func (t *tree) Realpath(name string) (string, error) {
	p, err := t.at(name, false)
	if err != nil {
		return "", named("realpath", name, err)
	}
	return p.name, nil
}

// NoLinks implements [storage.FS].
func (t *tree) NoLinks() storage.FS { return t }

// Close implements [storage.FS].
func (t *tree) Close() error { return nil }
