package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/events"
	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/sftp"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
	"github.com/fileserver-dev/fileserver-operator/server/storage/bucket"
	"github.com/fileserver-dev/fileserver-operator/server/users"
)

// trees opens the files of users, alike for all protocols.
type trees struct {
	storage func() config.Storage // that is in force
	bucket  *bucket.Bucket        // that has the files; nil: a volume has them
	outbox  *events.Outbox        // of what is told of the files; nil: nothing is
	log     *slog.Logger
}

// defaultKeepIncomplete is for storage.keepIncomplete.
const defaultKeepIncomplete = 7 * 24 * time.Hour

// begin begins a session of a user who has shown a proof, and opens the files. Its
// error is loginFailed if the user may not log in, and one for tooMany if there is no
// room.
func (t trees) begin(ctx context.Context, d *users.Directory, a users.Attempt, p users.Proof, trail *audit.Session) (*audit.Tree, *users.Session, error) {
	session, err := d.Begin(ctx, a, p)
	switch {
	case errors.Is(err, users.ErrLogin):
		return nil, nil, loginFailed{err}
	case err != nil:
		return nil, nil, noRoom{err}
	}
	tree, err := t.open(session.User, trail)
	if err != nil {
		session.End()
		return nil, nil, err
	}
	return tree, session, nil
}

// loginFailed keeps the reason for the audit log. For the protocols it is their
// ErrLoginFailed, and they tell a client no more than that.
type loginFailed struct{ error }

func (e loginFailed) Is(target error) bool {
	return target == ftp.ErrLoginFailed || target == sftp.ErrLoginFailed || target == sftp.ErrRefused && !users.WrongCredential(e.error)
}
func (e loginFailed) Unwrap() error { return e.error }

// noRoom is the error of one too many.
type noRoom struct{ error }

// open returns what a user who has logged in may do with the files. The trail
// tells of it; permissions are asked next, under the names that the user knows;
// below them, events are recorded; uploads are hidden until they are complete; the volume, or the bucket, is
// at the bottom.
func (t trees) open(user *users.User, trail *audit.Session) (*audit.Tree, error) {
	source := t.source(user, trail)
	tree, err := t.files(user, source)
	if err != nil {
		return nil, fmt.Errorf("opening the home of user %q: %w", user.Name(), err)
	}
	if source != nil {
		tree = source.Tree(tree)
	}
	return trail.Tree(user.Restrict(tree), user.Name()), nil
}

// files returns the home of a user, in which uploads are hidden until they are complete.
func (t trees) files(user *users.User, source *events.Source) (storage.FS, error) {
	uploads := storage.Uploads{User: user.Name(), Hidden: t.hidden, Keep: t.keep}
	if source != nil {
		uploads.Publish = source.Publish
	}
	if t.bucket != nil {
		return t.bucket.Tree(user.Home(), uploads), nil
	}
	local, err := storage.OpenLocal(t.storage().Root, user.Home(), t.modes)
	if err != nil {
		return nil, err
	}
	return storage.Atomic(local, uploads), nil
}

// defaultUmask has files shared by the group, which is the same for all pods,
// and by nobody else.
const defaultUmask = 0o007

// modes are those of what users make.
func (t trees) modes() storage.Modes {
	c := t.storage()
	return storage.Modes{
		Umask:  c.Umask.BitsOr(defaultUmask),
		File:   c.FileMode.BitsOr(0),
		Folder: c.FolderMode.BitsOr(0),
	}
}

func (t trees) hidden() bool { return t.storage().AtomicUploads }

func (t trees) keep() time.Duration { return t.storage().KeepIncomplete.Or(defaultKeepIncomplete) }

const (
	// sweepEvery is how often the volume or bucket is searched for uploads that were cut
	// too long ago, in folders that nobody lists.
	sweepEvery = 12 * time.Hour
	// sweepPause is how long that rests between two folders.
	sweepPause = 20 * time.Millisecond
)

// sweep searches the volume or bucket from time to time, until ctx ends.
func (t trees) sweep(ctx context.Context) {
	for {
		// Pods that started together do not sweep together.
		select {
		case <-time.After(sweepEvery/2 + rand.N(sweepEvery)): //nolint:gosec // only so that pods differ
		case <-ctx.Done():
			return
		}
		if t.bucket != nil {
			if err := t.bucket.Sweep(ctx, t.keep()); err != nil && ctx.Err() == nil {
				t.log.Warn("the bucket could not be searched for uploads that were cut; it is tried again", "error", err)
			}
			continue
		}
		if local, err := storage.OpenLocal(t.storage().Root, "."); err == nil {
			storage.Sweep(ctx, local, t.keep(), sweepPause)
			_ = local.Close()
		}
	}
}
