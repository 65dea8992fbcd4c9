package server

import (
	"errors"
	"io/fs"
	"iter"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// A trail tells of what one session does to files, besides its transfers.
type trail struct {
	audit    *audit
	protocol string
	id       uint64
	user     string
	remote   netip.AddrPort

	mu       sync.Mutex
	refusal  fileEvent // the last one
	repeated int       // how often it has come again
	refusals tokens    // lines of them
	leftOut  int       // refusals that were not told
}

// A session may have so many refusals told at once, and then as many each minute.
const (
	refusalLines     = 200
	refusalPerMinute = 30
)

// A fileEvent is something done to a file, or refused.
type fileEvent struct {
	op   string // as in audited
	path string
	to   string // the other name of a rename or link
	err  string
}

// tell tells of what was done, or why it could not be. Refusals are told once if
// a client repeats them, and no more than so many: they cost the client nothing.
func (t *trail) tell(op, name, to string, err error) {
	e := fileEvent{op: op, path: name, to: to}
	if err != nil {
		e.err = err.Error()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil && e == t.refusal {
		t.repeated++
		return
	}
	t.flush()
	if err != nil {
		t.refusal = e
		if !t.refusals.take(time.Now(), refusalLines, refusalPerMinute) {
			t.leftOut++
			return
		}
	}
	t.audit.file(t, e, 1, errors.Is(err, fs.ErrPermission))
}

// flush tells how often the last refusal has come again. The caller has mu.
func (t *trail) flush() {
	switch {
	case t.repeated == 0:
	case t.refusals.take(time.Now(), refusalLines, refusalPerMinute):
		t.audit.file(t, t.refusal, t.repeated, true)
	default:
		t.leftOut += t.repeated
	}
	t.refusal, t.repeated = fileEvent{}, 0
}

// close is called when the session ends.
func (t *trail) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flush()
	if t.leftOut > 0 {
		t.audit.file(t, fileEvent{op: "any", err: "other refusals, which were left out"}, t.leftOut, true)
		t.leftOut = 0
	}
}

// audited is a user's tree that tells of each change and of each refusal. It is
// outermost, so that what a rule refuses is told too, and the same for all
// protocols. What is described, and transfers, which are told of by the
// protocols, are told only where they are refused.
type audited struct {
	storage.FS
	trail *trail
}

func (a *audited) OpenFile(name string, flag int, perm fs.FileMode) (storage.File, error) {
	op := "open for reading"
	if flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		op = "open for writing"
	}
	f, err := a.FS.OpenFile(name, flag, perm)
	return f, a.refusal(op, name, err)
}

func (a *audited) Stat(name string) (fs.FileInfo, error) {
	info, err := a.FS.Stat(name)
	return info, a.refusal("stat", name, err)
}

func (a *audited) Lstat(name string) (fs.FileInfo, error) {
	info, err := a.FS.Lstat(name)
	return info, a.refusal("stat", name, err)
}

func (a *audited) Readlink(name string) (string, error) {
	target, err := a.FS.Readlink(name)
	return target, a.refusal("readlink", name, err)
}

func (a *audited) Realpath(name string) (string, error) {
	place, err := a.FS.Realpath(name)
	return place, a.refusal("realpath", name, err)
}

func (a *audited) Space(name string) (storage.Space, error) {
	space, err := a.FS.Space(name)
	return space, a.refusal("statfs", name, err)
}

// refusal tells of an operation that changes nothing, if it was refused.
func (a *audited) refusal(op, name string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		a.trail.tell(op, name, "", err)
	}
	return err
}

func (a *audited) List(name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for info, err := range a.FS.List(name) {
			if !yield(info, a.refusal("list", name, err)) {
				return
			}
		}
	}
}

func (a *audited) Mkdir(name string, perm fs.FileMode) error {
	return a.told("mkdir", name, "", a.FS.Mkdir(name, perm))
}

func (a *audited) Remove(name string) error {
	return a.told("remove", name, "", a.FS.Remove(name))
}

func (a *audited) RemoveDir(name string) error {
	return a.told("rmdir", name, "", a.FS.RemoveDir(name))
}

func (a *audited) Rename(oldName, newName string) error {
	return a.told("rename", oldName, newName, a.FS.Rename(oldName, newName))
}

func (a *audited) RenameNew(oldName, newName string) error {
	return a.told("rename", oldName, newName, a.FS.RenameNew(oldName, newName))
}

func (a *audited) Link(oldName, newName string) error {
	return a.told("link", newName, oldName, a.FS.Link(oldName, newName))
}

func (a *audited) Symlink(target, name string) error {
	return a.told("symlink", name, target, a.FS.Symlink(target, name))
}

func (a *audited) Chmod(name string, mode fs.FileMode) error {
	return a.told("chmod "+mode.String(), name, "", a.FS.Chmod(name, mode))
}

func (a *audited) Chtimes(name string, accessed, modified time.Time) error {
	return a.told("set times", name, "", a.FS.Chtimes(name, accessed, modified))
}

func (a *audited) Lchtimes(name string, accessed, modified time.Time) error {
	return a.told("set times", name, "", a.FS.Lchtimes(name, accessed, modified))
}

func (a *audited) Chown(name string, uid, gid int) error {
	return a.told("chown", name, "", a.FS.Chown(name, uid, gid))
}

func (a *audited) Close() error {
	a.trail.close()
	return a.FS.Close()
}

func (a *audited) told(op, name, to string, err error) error {
	a.trail.tell(op, name, to, err)
	return err
}

// auditedFile is an open file of SFTP, on which clients can do more than read
// and write.
type auditedFile struct {
	storage.File
	trail *trail
	name  string
}

// withAttributes has the methods of files that can be changed while open.
type withAttributes interface {
	Chmod(mode fs.FileMode) error
	Chtimes(accessed, modified time.Time) error
}

// auditFile wraps a file. It has the optional methods that the file has.
func auditFile(f storage.File, t *trail, name string) sftp.File {
	told := &auditedFile{f, t, name}
	if a, ok := f.(withAttributes); ok {
		return &auditedAttributes{told, a}
	}
	return told
}

func (f *auditedFile) Truncate(size int64) error {
	err := f.File.Truncate(size)
	f.trail.tell("truncate", f.name, "", err)
	return err
}

// OSFile returns the file of the system.
func (f *auditedFile) OSFile() *os.File { return storage.OSFile(f.File) }

func (f *auditedFile) CloseWithError(cause error) error {
	if c, ok := f.File.(interface{ CloseWithError(error) error }); ok {
		return c.CloseWithError(cause)
	}
	return f.File.Close()
}

type auditedAttributes struct {
	*auditedFile
	attributes withAttributes
}

func (f *auditedAttributes) Chmod(mode fs.FileMode) error {
	err := f.attributes.Chmod(mode)
	f.trail.tell("chmod "+mode.String(), f.name, "", err)
	return err
}

func (f *auditedAttributes) Chtimes(accessed, modified time.Time) error {
	err := f.attributes.Chtimes(accessed, modified)
	f.trail.tell("set times", f.name, "", err)
	return err
}
