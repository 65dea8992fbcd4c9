package server

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"math"
	"os"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/sftp"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
	"github.com/fileserver-dev/fileserver-operator/server/users"
)

// sftpBackend lets the SFTP server work with users and storage.
type sftpBackend struct {
	users  *users.Directory
	trees  trees
	visits *visits[*sftp.Conn]
}

// Password implements [sftp.Backend].
func (b *sftpBackend) Password(ctx context.Context, c *sftp.Conn, name, password string) (sftp.Account, error) {
	return b.account(ctx, c, name, users.Password(password))
}

// PublicKey implements [sftp.Backend].
func (b *sftpBackend) PublicKey(ctx context.Context, c *sftp.Conn, name string, key ssh.PublicKey) (sftp.Account, error) {
	return b.account(ctx, c, name, users.Key(key.Marshal()))
}

// Certificate implements [sftp.Backend].
func (b *sftpBackend) Certificate(ctx context.Context, c *sftp.Conn, name string, cert *ssh.Certificate) (sftp.Account, error) {
	return b.account(ctx, c, name, users.Certificate(cert.SignatureKey.Marshal(), validUntil(cert)))
}

// validUntil is when a certificate expires, or zero if that is never.
func validUntil(cert *ssh.Certificate) time.Time {
	if cert.ValidBefore > math.MaxInt64 { // as ssh.CertTimeInfinity is
		return time.Time{}
	}
	return time.Unix(int64(cert.ValidBefore), 0)
}

// account returns the user if the proof is right.
func (b *sftpBackend) account(ctx context.Context, c *sftp.Conn, name string, p users.Proof) (sftp.Account, error) {
	a := users.Attempt{User: name, Protocol: c.Listener().Name, Remote: c.RemoteAddr().Addr(), Visit: b.visits.of(c).visit}
	checked, err := b.users.Check(ctx, a, p)
	if err != nil {
		return nil, loginFailed{err}
	}
	return &sftpAccount{b, a, checked}, nil
}

// sftpAccount is a user who has shown a credential.
type sftpAccount struct {
	backend *sftpBackend
	attempt users.Attempt
	checked users.Checked
}

// RequireAll implements [sftp.Account].
func (a *sftpAccount) RequireAll() bool { return a.checked.RequireAll }

// After implements [sftp.SecondAccount].
func (a *sftpAccount) After(first sftp.Account) sftp.Account {
	both := *a
	if f, ok := first.(*sftpAccount); ok {
		both.checked.Proof = f.checked.Proof.And(a.checked.Proof)
	}
	return &both
}

// Login implements [sftp.Account].
func (a *sftpAccount) Login(ctx context.Context, c *sftp.Conn) (sftp.Session, error) {
	trail := a.backend.visits.of(c).trail
	tree, session, err := a.backend.trees.begin(ctx, a.backend.users, a.attempt, a.checked.Proof, trail)
	if full, ok := errors.AsType[noRoom](err); ok {
		return nil, &sftp.Error{Text: tooMany(full.error)}
	}
	if err != nil {
		return nil, err
	}
	return &sftpSession{tree, session}, nil
}

// sftpSession is a user's tree as the SFTP server wants it.
type sftpSession struct {
	tree    *audit.Tree
	session *users.Session
}

func (s *sftpSession) Stat(_ context.Context, name string) (fs.FileInfo, error) {
	return s.tree.Stat(name)
}

func (s *sftpSession) Lstat(_ context.Context, name string) (fs.FileInfo, error) {
	return s.tree.Lstat(name)
}

func (s *sftpSession) List(_ context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return s.tree.List(name)
}

func (s *sftpSession) OpenFile(_ context.Context, name string, flag int, perm fs.FileMode) (sftp.File, error) {
	f, err := s.tree.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return s.tree.File(f, name), nil
}

// OpenUpload implements [sftp.Uploader].
func (s *sftpSession) OpenUpload(ctx context.Context, name string, perm fs.FileMode) (sftp.File, error) {
	return s.OpenFile(ctx, name, os.O_WRONLY|os.O_CREATE|storage.Upload, perm)
}

func (s *sftpSession) Mkdir(_ context.Context, name string, perm fs.FileMode) error {
	return s.tree.Mkdir(name, perm)
}

func (s *sftpSession) Remove(_ context.Context, name string) error    { return s.tree.Remove(name) }
func (s *sftpSession) RemoveDir(_ context.Context, name string) error { return s.tree.RemoveDir(name) }

func (s *sftpSession) Rename(_ context.Context, oldName, newName string) error {
	return s.tree.Rename(oldName, newName)
}

func (s *sftpSession) RenameNew(_ context.Context, oldName, newName string) error {
	return s.tree.RenameNew(oldName, newName)
}

func (s *sftpSession) Link(_ context.Context, oldName, newName string) error {
	return s.tree.Link(oldName, newName)
}

func (s *sftpSession) Symlink(_ context.Context, target, name string) error {
	return s.tree.Symlink(target, name)
}

func (s *sftpSession) Readlink(_ context.Context, name string) (string, error) {
	return s.tree.Readlink(name)
}

func (s *sftpSession) Chmod(_ context.Context, name string, mode fs.FileMode) error {
	return s.tree.Chmod(name, mode)
}

func (s *sftpSession) Chtimes(_ context.Context, name string, accessed, modified time.Time) error {
	return s.tree.Chtimes(name, accessed, modified)
}

// Chown implements [sftp.Owners].
func (s *sftpSession) Chown(_ context.Context, name string, uid, gid int) error {
	return s.tree.Chown(name, uid, gid)
}

// Checksums implements [sftp.Tools]: what is in a drop box cannot be read, and
// clients that count on checksums would take each upload for damaged.
func (s *sftpSession) Checksums() bool { return !s.session.User.HasDropBox() }

// Space implements [sftp.SpaceReporter].
func (s *sftpSession) Space(_ context.Context, name string) (sftp.Space, error) {
	space, err := s.tree.Space(name)
	return sftp.Space(space), err
}

// FileSpace implements [sftp.FileSpaceReporter].
func (s *sftpSession) FileSpace(_ context.Context, f sftp.File) (sftp.Space, error) {
	stands, ok := f.(interface{ OSFile() *os.File })
	if !ok || stands.OSFile() == nil {
		return sftp.Space{}, errors.ErrUnsupported
	}
	space, err := storage.SpaceOf(stands.OSFile())
	return sftp.Space(space), err
}

// Lchtimes implements [sftp.LinkTimes].
func (s *sftpSession) Lchtimes(_ context.Context, name string, accessed, modified time.Time) error {
	return s.tree.Lchtimes(name, accessed, modified)
}

// Realpath implements [sftp.Session].
func (s *sftpSession) Realpath(_ context.Context, name string) (string, error) {
	return s.tree.Realpath(name)
}

// Limits implements [sftp.LimitedSession]: a user's own come before the
// server's.
func (s *sftpSession) Limits(l sftp.Limits) sftp.Limits {
	own := s.session.User.Limits().Bandwidth
	if own.Download != 0 {
		l.DownloadRate = own.Download
	}
	if own.Upload != 0 {
		l.UploadRate = own.Upload
	}
	return l
}

// Done implements [sftp.Session].
func (s *sftpSession) Done() <-chan struct{} { return s.session.Done() }

// Close ends the session and releases the tree.
func (s *sftpSession) Close() error {
	s.session.End()
	return s.tree.Close()
}

var (
	_ sftp.Backend           = (*sftpBackend)(nil)
	_ sftp.SecondAccount     = (*sftpAccount)(nil)
	_ sftp.Session           = (*sftpSession)(nil)
	_ sftp.SpaceReporter     = (*sftpSession)(nil)
	_ sftp.FileSpaceReporter = (*sftpSession)(nil)
	_ sftp.Owners            = (*sftpSession)(nil)
	_ sftp.LinkTimes         = (*sftpSession)(nil)
	_ sftp.Tools             = (*sftpSession)(nil)
	_ sftp.LimitedSession    = (*sftpSession)(nil)
	_ sftp.Uploader          = (*sftpSession)(nil)
)
