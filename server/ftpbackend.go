package server

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
	"github.com/fileserver-dev/fileserver-operator/server/users"
)

// Permissions of what users make. Those of the configuration take from them.
const (
	fileMode   = 0o666
	folderMode = 0o777
)

// ftpBackend lets the FTP engine work with users and storage.
type ftpBackend struct {
	users  *users.Directory
	trees  trees
	visits *visits[*ftp.Conn]
}

// Login implements [ftp.Backend].
func (b *ftpBackend) Login(ctx context.Context, c *ftp.Conn, name, password string) (ftp.Session, error) {
	visitor := b.visits.of(c)
	attempt := users.Attempt{User: name, Protocol: c.Listener().Name, Remote: c.RemoteAddr().Addr(), Visit: visitor.visit}
	tree, session, err := b.trees.begin(ctx, b.users, attempt, users.Password(password), visitor.trail)
	if full, ok := errors.AsType[noRoom](err); ok {
		return nil, &ftp.Error{Code: 421, Text: tooMany(full.error)}
	}
	if err != nil {
		return nil, err
	}
	return &ftpSession{FS: tree, session: session}, nil
}

// SampleSession is for [ftp.Backend].
func (b *ftpBackend) SampleSession() ftp.Session { return (*ftpSession)(nil) }

// ftpSession is a user's tree as the FTP engine wants it.
type ftpSession struct {
	storage.FS
	session *users.Session
}

func (s *ftpSession) Stat(_ context.Context, name string) (fs.FileInfo, error) {
	return s.FS.Stat(name)
}

func (s *ftpSession) Lstat(_ context.Context, name string) (fs.FileInfo, error) {
	return s.FS.Lstat(name)
}

func (s *ftpSession) List(_ context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for info, err := range s.FS.List(name) {
			if err == nil && info.Mode()&fs.ModeSymlink != 0 {
				target, _ := s.FS.Readlink(name + "/" + info.Name())
				info = symlinkInfo{info, target}
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// symlinkInfo is an entry that knows where it leads.
type symlinkInfo struct {
	fs.FileInfo
	target string
}

// LinkTarget is for [ftp.Session].
func (i symlinkInfo) LinkTarget() string { return i.target }

func (s *ftpSession) OpenFile(_ context.Context, name string, flag int) (ftp.File, error) {
	f, err := s.FS.OpenFile(name, flag, fileMode)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenUpload implements [ftp.Uploader].
func (s *ftpSession) OpenUpload(ctx context.Context, name string, offset int64) (ftp.File, error) {
	if offset == 0 {
		return s.OpenFile(ctx, name, os.O_WRONLY|os.O_CREATE|storage.Upload)
	}
	f, err := s.FS.OpenFile(name, os.O_WRONLY|storage.Upload, fileMode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && storage.Incomplete(info) && info.Size() < offset {
		// The client goes by the size of the file, and not of what was cut.
		if f, ok := f.(interface{ CloseWithError(error) error }); ok {
			_ = f.CloseWithError(fs.ErrInvalid)
		}
		return s.OpenFile(ctx, name, os.O_WRONLY)
	}
	return f, nil
}

func (s *ftpSession) Mkdir(_ context.Context, name string) error     { return s.FS.Mkdir(name, folderMode) }
func (s *ftpSession) Remove(_ context.Context, name string) error    { return s.FS.Remove(name) }
func (s *ftpSession) RemoveDir(_ context.Context, name string) error { return s.FS.RemoveDir(name) }

func (s *ftpSession) Rename(_ context.Context, oldName, newName string) error {
	return s.FS.Rename(oldName, newName)
}

func (s *ftpSession) Chmod(_ context.Context, name string, mode fs.FileMode) error {
	return s.FS.Chmod(name, mode)
}

func (s *ftpSession) SetModTime(_ context.Context, name string, t time.Time) error {
	return s.FS.Chtimes(name, time.Time{}, t)
}

func (s *ftpSession) Symlink(_ context.Context, target, name string) error {
	return s.FS.Symlink(target, name)
}

func (s *ftpSession) Available(_ context.Context, name string) (int64, error) {
	space, err := s.FS.Space(name)
	return int64(space.BlockSize * space.Available), err
}

// Perm is for [ftp.Session]: of what the mode allows, what the user's
// permissions leave (RFC 3659 section 7.5.5).
func (s *ftpSession) Perm(name string, info fs.FileInfo) string {
	all, left := ftp.Perm(info.Mode()), ""
	switch s.session.User.AccessHint(name) {
	case config.AccessReadWrite:
		return all
	case config.AccessReadOnly:
		left = "elr"
	case config.AccessWriteOnly:
		if left = "afw"; info.IsDir() {
			left = "cem"
		}
	}
	return strings.Map(func(letter rune) rune {
		if strings.ContainsRune(left, letter) {
			return letter
		}
		return -1
	}, all)
}

// Limits implements [ftp.LimitedSession]: a user's own come before the server's.
func (s *ftpSession) Limits(l ftp.Limits) ftp.Limits {
	own := s.session.User.Limits().Bandwidth
	if own.Download != 0 {
		l.DownloadRate = own.Download
	}
	if own.Upload != 0 {
		l.UploadRate = own.Upload
	}
	return l
}

// Done implements [ftp.EndingSession].
func (s *ftpSession) Done() <-chan struct{} { return s.session.Done() }

// Close ends the session and releases the tree.
func (s *ftpSession) Close() error {
	s.session.End()
	return s.FS.Close()
}

var (
	_ interface{ SampleSession() ftp.Session } = (*ftpBackend)(nil)
	_ ftp.Session                              = (*ftpSession)(nil)
	_ ftp.LimitedSession                       = (*ftpSession)(nil)
	_ ftp.EndingSession                        = (*ftpSession)(nil)
	_ ftp.Uploader                             = (*ftpSession)(nil)
	// What else a session may implement.
	_ interface {
		Chmod(ctx context.Context, name string, mode fs.FileMode) error
		SetModTime(ctx context.Context, name string, t time.Time) error
		Symlink(ctx context.Context, target, name string) error
		Lstat(ctx context.Context, name string) (fs.FileInfo, error)
		Available(ctx context.Context, name string) (int64, error)
		Perm(name string, info fs.FileInfo) string
	} = (*ftpSession)(nil)
)
