package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// A file has the lines of one pod. When it is full it gets a name with the time, and another
// one begins. Several pods may share the folder.
type file struct {
	settings config.AuditFiles
	pod      string
	now      func() time.Time

	open    *os.File // nil: not yet
	size    int64
	checked time.Time // that the name is still this file's
}

const (
	prefix = "audit-"
	suffix = ".jsonl"
	// closedStamp is in the names of files that are full.
	closedStamp = "20060102T150405.000Z"
	// checkEvery is how often it is seen whether somebody has moved or removed the file.
	checkEvery = time.Second
	// deserted is when the file of another pod is taken for one of a pod that is gone.
	deserted = 24 * time.Hour
)

var closedName = regexp.MustCompile(`^audit-.*-\d{8}T\d{6}\.\d{3}Z\.jsonl$`)

func newFile(settings config.AuditFiles, pod string, now func() time.Time) *file {
	return &file{settings: settings, pod: pod, now: now}
}

func (f *file) name() string { return filepath.Join(f.settings.Folder, prefix+f.pod+suffix) }

// write appends a line, to another file if this one is full.
func (f *file) write(line []byte) error {
	if f.open != nil && f.now().Sub(f.checked) > checkEvery {
		f.check()
	}
	if f.open != nil && f.size > 0 && f.size+int64(len(line)) > f.settings.MaxSize {
		if err := f.close(); err != nil {
			return err
		}
	}
	if f.open == nil {
		if err := f.begin(); err != nil {
			return err
		}
	}
	n, err := f.open.Write(line)
	f.size += int64(n)
	if err != nil && n > 0 {
		// Half a line is none: the whole one is written elsewhere.
		if f.open.Truncate(f.size-int64(n)) == nil {
			f.size -= int64(n)
		}
	}
	return err
}

// check lets go of a file that has lost its name.
func (f *file) check() {
	f.checked = f.now()
	named, err := os.Stat(f.name())
	own, ownErr := f.open.Stat()
	if err != nil || ownErr != nil || !os.SameFile(named, own) {
		_ = f.open.Close()
		f.open = nil
	}
}

// begin opens the file, or goes on with the one that a former run has left.
func (f *file) begin() error {
	f.prune()
	open, err := os.OpenFile(f.name(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640) //nolint:gosec // the group of the volume reads it: a collector of logs
	if err != nil {
		return err
	}
	info, err := open.Stat()
	if err != nil {
		return errors.Join(err, open.Close())
	}
	f.open, f.size, f.checked = open, info.Size(), f.now()
	return nil
}

// close gives the file a name that says that it is complete.
func (f *file) close() error {
	if f.open == nil {
		return nil
	}
	err := f.open.Close()
	f.open = nil
	closed := filepath.Join(f.settings.Folder, prefix+f.pod+"-"+f.now().UTC().Format(closedStamp)+suffix)
	// Two within a millisecond are one: nothing may be replaced.
	if _, taken := os.Lstat(closed); errors.Is(taken, fs.ErrNotExist) {
		err = errors.Join(err, os.Rename(f.name(), closed))
	}
	f.prune()
	return err
}

// prune removes the oldest files, of all pods together, until as many are there as are to
// be kept. Those to which lines are written now do not count.
func (f *file) prune() {
	entries, err := os.ReadDir(f.settings.Folder)
	if err != nil {
		return
	}
	var old []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || info.Name() == prefix+f.pod+suffix || !f.complete(info) {
			continue
		}
		old = append(old, info)
	}
	slices.SortFunc(old, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range old[:max(0, len(old)-f.settings.Keep)] {
		_ = os.Remove(filepath.Join(f.settings.Folder, info.Name()))
	}
}

// complete reports whether nobody writes to a file any more. The pod of one that is
// removed by mistake begins another (see check).
func (f *file) complete(info fs.FileInfo) bool {
	if closedName.MatchString(info.Name()) {
		return true
	}
	ours, err := filepath.Match(prefix+"*"+suffix, info.Name())
	return err == nil && ours && f.now().Sub(info.ModTime()) > deserted
}
