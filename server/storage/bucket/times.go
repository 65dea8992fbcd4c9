package bucket

import (
	"errors"
	"io/fs"
	"time"
)

// Chtimes implements [storage.FS]. The time of modification is in the metadata of an
// object, which S3 changes by a copy onto itself. Folders have none, and nothing has a time of
// access.
func (t *tree) Chtimes(name string, accessed, modified time.Time) error {
	return t.setTime("chtimes", name, modified)
}

// Lchtimes implements [storage.FS].
func (t *tree) Lchtimes(name string, accessed, modified time.Time) error {
	return t.setTime("lchtimes", name, modified)
}

func (t *tree) setTime(op, name string, modified time.Time) error {
	p, err := t.at(name, false)
	if err != nil {
		return named(op, name, err)
	}
	if u := t.writing(p); u != nil {
		return u.Chtimes(time.Time{}, modified)
	}
	ctx, cancel := withTime()
	defer cancel()
	o, folder, err := t.find(ctx, p)
	switch {
	case err != nil:
	case folder != nil:
		err = errors.ErrUnsupported
	case o == nil:
		err = fs.ErrNotExist
	case modified.IsZero():
	default:
		err = t.bucket.setTime(ctx, o, modified)
	}
	return named(op, name, err)
}
