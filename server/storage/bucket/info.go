package bucket

import (
	"io/fs"
	"math"
	"path"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// Metadata of objects.
const (
	// metaTime has the time of modification, as seconds since 1970 with a fraction.
	// rclone writes and reads it like this.
	metaTime = "mtime"
	// metaUpload is a random text that tells one upload from all others.
	metaUpload = "fileserver-upload"
)

// Modes that everything has: S3 knows none.
const (
	fileMode   = 0o660
	folderMode = fs.ModeDir | 0o770
)

// info describes an object or a folder.
type info struct {
	name string
	size int64
	mode fs.FileMode
	time time.Time
	id   storage.ID
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.size }
func (i *info) Mode() fs.FileMode  { return i.mode }
func (i *info) ModTime() time.Time { return i.time }
func (i *info) IsDir() bool        { return i.mode.IsDir() }

// Sys is the identity, for [storage.ID.Is].
func (i *info) Sys() any { return i.id }

// folderInfo describes a folder. Nobody knows when it was changed.
func (t *tree) folderInfo(name string) *info {
	return &info{name: path.Base(name), mode: folderMode, time: time.Unix(0, 0), id: t.folderID(name)}
}

func (t *tree) folderID(name string) storage.ID { return storage.NewID("folder", t.top, name) }

// An object is one that is in the bucket.
type object struct {
	key      string
	etag     string
	size     int64
	modified time.Time // as the store has it
	meta     map[string]string
	head     *s3.HeadObjectOutput
}

// fileInfo describes an object under a name.
func (o *object) fileInfo(name string) *info {
	i := &info{name: path.Base(name), size: o.size, mode: fileMode, time: o.modified, id: o.id()}
	if t, ok := parseTime(o.meta[metaTime]); ok {
		i.time = t
	}
	return i
}

func (o *object) id() storage.ID {
	if upload := o.meta[metaUpload]; upload != "" {
		return uploadID(upload)
	}
	return storage.NewID("object", o.key, o.etag)
}

func uploadID(upload string) storage.ID { return storage.NewID("upload", upload) }

// parseTime reads a time as rclone and s3fs write it.
func parseTime(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(seconds) || math.Abs(seconds) > 1<<40 {
		return time.Time{}, false
	}
	whole, part := math.Modf(seconds)
	// A float has some 200 ns of a time of today: more is not to be had.
	return time.Unix(int64(whole), int64(math.Round(part*1e6))*1000), true
}

func formatTime(t time.Time) string {
	s := strconv.FormatInt(t.Unix(), 10)
	if n := t.Nanosecond(); n != 0 && t.Unix() >= 0 {
		s += "." + strconv.Itoa(1e9 + n)[1:]
	}
	return s
}
