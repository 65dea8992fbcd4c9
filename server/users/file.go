package users

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// A grant is what the user may do with something that is open. It follows the
// account: as long as that is the same, asking costs next to nothing.
type grant struct {
	r    *restricted
	name string   // of what is open, when it was opened
	file *os.File // that is open; nil if that is no file of the system
	seen atomic.Pointer[decision]

	upload target // what is open, if that is hidden until it is complete; else nil
	listed *spot  // the folder that is being listed, see hides
}

// A target is an upload that is hidden.
type target interface {
	// Target returns the real name that it will have.
	Target() string
}

func isUpload(f storage.File) bool {
	_, ok := f.(target)
	return ok
}

// A decision is what an account may do.
type decision struct {
	account *User
	access  config.Access
}

// set makes the grant that for something that was opened at the spot.
func (g *grant) set(r *restricted, name string, s *spot) {
	g.r, g.name = r, name
	g.seen.Store(&decision{s.account, s.access})
}

func (g *grant) access() config.Access {
	now := g.r.account.now()
	if d := g.seen.Load(); d.account == now {
		return d.access
	}
	d := &decision{now, g.decide(&now.config)}
	g.seen.Store(d)
	return d.access
}

// decide says what an account may do with what is open. What has another name
// now than when it was opened may be anywhere, and then what counts is what is
// allowed everywhere. An upload that is hidden has the name that it will have.
func (g *grant) decide(c *config.User) config.Access {
	if len(c.Paths) == 0 {
		return c.Access
	}
	if g.upload != nil {
		return look(g.r.tree, c, g.upload.Target(), true).access
	}
	s := look(g.r.tree, c, g.name, true)
	if g.file == nil {
		return s.access
	}
	if id, err := storage.IDOf(g.file); err == nil && s.Exists() && id == s.ID() {
		return s.access
	}
	access := c.Access
	for _, rule := range c.Paths {
		access = least(access, rule.Access)
	}
	return access
}

// hides reports whether the folder that is open is to be listed without that
// entry: what may not be described is not told by its folder either.
func (g *grant) hides(info fs.FileInfo) bool {
	account := g.r.account.now()
	c := &account.config
	if !slices.ContainsFunc(c.Paths, func(rule config.PathRule) bool {
		return rule.Access == config.AccessNone || rule.Access == config.AccessWriteOnly
	}) {
		return false
	}
	if g.listed == nil || g.listed.account != account {
		g.listed = look(g.r.tree, c, g.name, true)
		g.listed.account = account
	}
	s := g.listed.entry(info)
	s.access = accessTo(c, s.rules, &s.Place)
	return !s.mayDescribe() || s.access == config.AccessWriteOnly && !info.IsDir() && !g.r.own(s)
}

func (g *grant) mayRead() bool {
	a := g.access()
	return a == config.AccessReadWrite || a == config.AccessReadOnly
}

// A file asks at each call whether the user may still do that.
type file struct {
	storage.File
	grant
	flag    int         // it was opened with
	dropped bool        // into a drop box, through this tree
	refused atomic.Bool // something that would have changed it
}

// guard returns the file with the permissions of the spot where it was opened.
func (r *restricted) guard(f storage.File, name string, s *spot, flag int) storage.File {
	g := &file{File: f, flag: flag, dropped: s.access == config.AccessWriteOnly}
	g.set(r, name, s)
	g.grant.file = storage.OSFile(f)
	g.upload, _ = f.(target)
	return g
}

func (f *file) refusal(op string, allowed bool) error {
	if allowed {
		return nil
	}
	return deny(op, f.name)
}

func (f *file) toRead() error { return f.refusal("read", f.mayRead()) }

func (f *file) toWrite() error {
	a := f.access()
	err := f.refusal("write", a == config.AccessReadWrite || a == config.AccessWriteOnly && f.dropped)
	if err != nil {
		f.refused.Store(true)
	}
	return err
}

// writable reports whether the file was opened to be written.
func (f *file) writable() bool { return f.flag&(os.O_WRONLY|os.O_RDWR) != 0 }

// OSFile returns the file itself, for the kernel to move its bytes. Who does
// that asks Allowed before each chunk.
func (f *file) OSFile() *os.File { return f.grant.file }

// Allowed says why bytes may not be moved any more in a direction that the file
// was opened for, or nil.
func (f *file) Allowed() error {
	if f.writable() {
		return f.toWrite()
	}
	return f.toRead()
}

func (f *file) Read(b []byte) (int, error) {
	if err := f.toRead(); err != nil {
		return 0, err
	}
	return f.File.Read(b)
}

func (f *file) ReadAt(b []byte, offset int64) (int, error) {
	if err := f.toRead(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, offset)
}

func (f *file) Write(b []byte) (int, error) {
	if err := f.toWrite(); err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

func (f *file) WriteAt(b []byte, offset int64) (int, error) {
	if err := f.toWrite(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, offset)
}

func (f *file) Truncate(size int64) error {
	if err := f.toWrite(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *file) Stat() (fs.FileInfo, error) {
	if f.access() == config.AccessNone {
		return nil, deny("stat", f.name)
	}
	return f.File.Stat()
}

// Chmod sets the permission bits of the open file, whatever its name is now.
func (f *file) Chmod(mode fs.FileMode) error {
	if err := f.toWrite(); err != nil {
		return err
	}
	if c, ok := f.File.(interface{ Chmod(fs.FileMode) error }); ok {
		return named("chmod", f.name, c.Chmod(mode))
	}
	if f.OSFile() == nil {
		return named("chmod", f.name, errors.ErrUnsupported)
	}
	return named("chmod", f.name, f.OSFile().Chmod(mode))
}

// Chtimes sets the times of the open file, whatever its name is now. A zero
// time is left as it is.
func (f *file) Chtimes(accessed, modified time.Time) error {
	if err := f.toWrite(); err != nil {
		return err
	}
	if c, ok := f.File.(interface {
		Chtimes(accessed, modified time.Time) error
	}); ok {
		return named("chtimes", f.name, c.Chtimes(accessed, modified))
	}
	if f.OSFile() == nil {
		return named("chtimes", f.name, errors.ErrUnsupported)
	}
	return named("chtimes", f.name, storage.SetTimes(f.OSFile(), accessed, modified))
}

// Close completes the file. One that was refused something, or may not be
// written any more, is not complete.
func (f *file) Close() error {
	if f.writable() && (f.refused.Load() || f.toWrite() != nil) {
		err := deny("close", f.name)
		return errors.Join(err, f.CloseWithError(err))
	}
	return f.File.Close()
}

// CopyFrom has the store copy bytes of another file of the tree; see [storage.CopyWithin].
func (f *file) CopyFrom(from io.ReaderAt, at, n, place int64) (bool, error) {
	if err := f.toWrite(); err != nil {
		return false, err
	}
	if other, ok := from.(*file); ok {
		if err := other.toRead(); err != nil {
			return false, err
		}
		from = other.File
	}
	return storage.CopyWithin(f.File, from, at, n, place)
}

// Checksum is that of the whole file, if it is stored; see [storage.Checksum].
func (f *file) Checksum(algorithm string) []byte {
	if f.toRead() != nil {
		return nil
	}
	return storage.Checksum(f.File, algorithm)
}

// CloseWithError ends the file in place of Close when its upload was cut.
func (f *file) CloseWithError(cause error) error {
	if c, ok := f.File.(interface{ CloseWithError(error) error }); ok {
		return c.CloseWithError(cause)
	}
	return f.File.Close()
}
