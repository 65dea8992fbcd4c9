package bucket

import (
	"errors"
	"io"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// start begins the parts with what comes before the first write.
func (u *upload) start(at int64) error {
	b := u.tree.bucket
	if r := u.resumed; r != nil {
		return u.resume(r, at)
	}
	u.parts = newParts(b, u.place.key, b.part)
	u.parts.meta = u.metadata
	if u.base == nil {
		u.parts.begin = u.begun
		return nil
	}
	return u.copyIn(0, at, false)
}

// resume goes on with an upload that was cut.
func (u *upload) resume(r *record, at int64) error {
	ctx, cancel := withTime()
	defer cancel()
	kept := int64(len(r.parts)) * r.part
	if at < kept {
		return errors.ErrUnsupported // what was sent cannot be read, and so not be cut in the middle
	}
	tail, err := r.readTail(ctx, u.tree.bucket)
	if err != nil {
		return err
	}
	w := newParts(u.tree.bucket, u.place.key, r.part)
	w.meta, w.begin, w.id, w.next = u.metadata, u.begun, r.id, kept
	for i, p := range r.parts {
		w.done[i+1] = types.CompletedPart{PartNumber: p.PartNumber, ETag: p.ETag}
	}
	u.parts, u.saved, u.resumed = w, r, nil
	_, err = w.write(tail[:min(int64(len(tail)), at-kept)])
	return err
}

// begun remembers the upload, so that it can go on if this process ends.
func (u *upload) begun(id string) error {
	key := u.tree.recordKey(u.place)
	if key == "" {
		return nil
	}
	r := &record{key: key, target: u.place.key, id: id, part: u.parts.size, mark: u.mark}
	u.saved = r
	return r.save(u.tree.bucket, nil)
}

// metadata is that of the object.
func (u *upload) metadata() map[string]string {
	meta := map[string]string{}
	if u.base != nil {
		maps.Copy(meta, u.base.meta)
		delete(meta, metaTime)
	}
	meta[metaUpload] = u.mark
	if u.times {
		meta[metaTime] = formatTime(u.modified)
	}
	return meta
}

// copyIn takes bytes of the base. last says that nothing comes after them.
func (u *upload) copyIn(from, to int64, last bool) error {
	w := u.parts
	for from < to {
		n := min(to-from, w.size-int64(len(w.buf)))
		if len(w.buf) == 0 && (n == w.size || last && w.id != "") {
			if err := w.copy(u.base, from, from+n); err != nil {
				return err
			}
		} else if err := u.readIn(from, from+n); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// readIn takes bytes of the base by way of this process.
func (u *upload) readIn(from, to int64) error {
	d := &download{bucket: u.tree.bucket, object: &object{key: u.base.key, etag: u.base.etag, size: to}, info: &info{}, at: from, pos: from}
	defer d.Close()
	p := make([]byte, min(to-from, 64<<10))
	for from < to {
		n, err := io.ReadFull(d, p[:min(int64(len(p)), to-from)])
		if err != nil {
			return err
		}
		if _, err := u.parts.write(p[:n]); err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}
