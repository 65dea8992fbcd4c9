package bucket

import (
	"errors"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// start begins the parts with what comes before the first write.
func (u *upload) start(at int64) error {
	b := u.tree.bucket
	if r := u.resumed; r != nil {
		return u.resume(r, at)
	}
	u.parts = newParts(b, u.place.key, b.layout(b.part))
	u.parts.meta = u.metadata
	if u.base == nil {
		u.parts.begin = u.begun
		return nil
	}
	return u.parts.take(u.base, 0, at, false)
}

// resume goes on with an upload that was cut.
func (u *upload) resume(r *record, at int64) error {
	ctx, cancel := withTime()
	defer cancel()
	kept := r.kept(u.tree.bucket)
	if at < kept {
		return errors.ErrUnsupported // what was sent cannot be read, and so not be cut in the middle
	}
	tail, err := r.readTail(ctx, u.tree.bucket)
	if err != nil {
		return err
	}
	w := newParts(u.tree.bucket, u.place.key, u.tree.bucket.layout(r.part))
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
	r := &record{key: key, target: u.place.key, id: id, part: u.parts.layout[0].size, mark: u.mark}
	u.saved = r
	return r.save(u.tree.bucket, nil)
}

// metadata is that of the object.
func (u *upload) metadata() map[string]string {
	meta := map[string]string{}
	if u.base != nil {
		maps.Copy(meta, u.base.meta)
		delete(meta, metaTime)
		delete(meta, metaMD5) // of other bytes
	}
	meta[metaUpload] = u.mark
	if u.times {
		meta[metaTime] = formatTime(u.modified)
	}
	return meta
}
