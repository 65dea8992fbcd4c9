package bucket

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// Mkdir implements [storage.FS]. A folder that is empty is a marker: an empty object whose key
// ends with a slash. Folders above need not be there.
func (t *tree) Mkdir(name string, _ fs.FileMode) error {
	p, err := t.at(name, true)
	if err != nil {
		return named("mkdir", name, err)
	}
	ctx, cancel := withTime()
	defer cancel()
	p.folder = false // a file of the name is in the way too
	o, folder, err := t.find(ctx, p)
	switch {
	case err != nil:
		return named("mkdir", name, err)
	case o != nil || folder != nil:
		return named("mkdir", name, fs.ErrExist)
	}
	return named("mkdir", name, t.bucket.mark(ctx, t.prefix(p)))
}

// mark makes the marker of a folder.
func (b *Bucket) mark(ctx context.Context, key string) error {
	_, err := b.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: b.name(), Key: &key, Body: bytes.NewReader(nil), ContentType: aws.String("application/x-directory"),
		ServerSideEncryption: b.encryption(), SSEKMSKeyId: b.kmsKey(), StorageClass: b.storageClass(),
	})
	return wrap("PutObject", err)
}

// Remove implements [storage.FS]. Where there is nothing else, it gives up an upload that
// was cut.
func (t *tree) Remove(name string) error {
	p, err := t.at(name, false)
	switch {
	case err != nil:
		return named("remove", name, err)
	case p.folder:
		return named("remove", name, syscall.EISDIR)
	}
	ctx, cancel := withTime()
	defer cancel()
	u := t.writing(p)
	o, folder, err := t.find(ctx, p)
	if err == nil {
		switch {
		case o != nil:
			err = t.bucket.remove(ctx, p.key)
		case u != nil:
		case folder != nil:
			err = syscall.EISDIR
		default:
			err = t.forget(ctx, p)
		}
	}
	if err == nil && u != nil {
		u.abandon()
	}
	return named("remove", name, err)
}

// remove removes the object with a key. It is no error if there is none.
func (b *Bucket) remove(ctx context.Context, key string) error {
	_, err := b.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b.name(), Key: &key})
	return wrap("DeleteObject", err)
}

// forget gives up an upload that was cut.
func (t *tree) forget(ctx context.Context, p place) error {
	r, err := t.record(ctx, p)
	switch {
	case err != nil:
		return err
	case r == nil:
		return fs.ErrNotExist
	}
	return r.discard(ctx, t.bucket)
}

// RemoveDir implements [storage.FS].
func (t *tree) RemoveDir(name string) error {
	p, err := t.at(name, false)
	switch {
	case err != nil:
		return named("rmdir", name, err)
	case p.name == "/":
		return named("rmdir", name, fs.ErrPermission)
	}
	ctx, cancel := withTime()
	defer cancel()
	marker, others, err := t.content(ctx, p)
	switch {
	case err != nil:
	case others:
		err = syscall.ENOTEMPTY
	case !marker:
		err = t.missing(ctx, p)
	default:
		err = t.bucket.remove(ctx, t.prefix(p))
	}
	return named("rmdir", name, err)
}

// content tells what is in a folder, by one request: its marker, and others.
func (t *tree) content(ctx context.Context, p place) (marker, others bool, err error) {
	prefix := t.prefix(p)
	out, err := t.bucket.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: t.bucket.name(), Prefix: &prefix, MaxKeys: aws.Int32(2)})
	if err != nil {
		return false, false, wrap("ListObjectsV2", err)
	}
	for _, o := range out.Contents {
		if aws.ToString(o.Key) == prefix {
			marker = true
		} else {
			others = true
		}
	}
	return marker, others, nil
}

// Link implements [storage.FS]. There are no links in a bucket.
func (t *tree) Link(oldName, _ string) error { return named("link", oldName, errors.ErrUnsupported) }

// Symlink implements [storage.FS]. There are no links in a bucket.
func (t *tree) Symlink(_, name string) error { return named("symlink", name, errors.ErrUnsupported) }

// Readlink implements [storage.FS]. Nothing is a link.
func (t *tree) Readlink(name string) (string, error) {
	if _, err := t.stat("readlink", name); err != nil {
		return "", err
	}
	return "", named("readlink", name, syscall.EINVAL)
}

// Chmod implements [storage.FS]. Everything has the mode that it is shown with.
func (t *tree) Chmod(name string, mode fs.FileMode) error {
	i, err := t.stat("chmod", name)
	if err == nil && i.Mode().Perm() != mode.Perm() {
		err = named("chmod", name, errors.ErrUnsupported)
	}
	return err
}

// Chown implements [storage.FS]. Nothing has an owner.
func (t *tree) Chown(name string, uid, gid int) error {
	if uid < 0 && gid < 0 {
		return nil
	}
	return named("chown", name, errors.ErrUnsupported)
}

// Space implements [storage.FS]. A bucket is never full.
func (t *tree) Space(name string) (storage.Space, error) {
	return storage.Space{}, named("statfs", name, errors.ErrUnsupported)
}

// isBelow reports whether name is below a folder.
func isBelow(folder, name string) bool { return strings.HasPrefix(name, folder+"/") }
