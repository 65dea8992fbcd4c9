package bucket

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"
)

const (
	// maxMoved is how many objects a folder has at most that is renamed. Each is copied
	// and removed, and whoever looks meanwhile sees both names.
	maxMoved = 10_000
	// movesAtOnce is how many of them are copied side by side.
	movesAtOnce = 16
)

// Rename implements [storage.FS]. S3 has no such call: files are copied, which moves no
// byte through the server, and then removed under the old name.
func (t *tree) Rename(oldName, newName string) error { return t.rename(oldName, newName, true) }

// RenameNew implements [storage.FS]. Something can come between the check and the copy.
func (t *tree) RenameNew(oldName, newName string) error { return t.rename(oldName, newName, false) }

func (t *tree) rename(oldName, newName string, replace bool) error {
	from, err := t.at(oldName, false)
	if err != nil {
		return named("rename", oldName, err)
	}
	to, err := t.at(newName, true)
	switch {
	case err != nil:
	case from.name == "/" || to.name == "/":
		err = fs.ErrPermission
	case isBelow(from.name, to.name):
		err = syscall.EINVAL
	case t.writing(from) != nil || t.writing(to) != nil:
		err = syscall.EBUSY
	default:
		err = t.move(context.Background(), from, to, replace)
	}
	return named("rename", oldName, err)
}

func (t *tree) move(ctx context.Context, from, to place, replace bool) error {
	file, folder, err := t.find(ctx, from)
	switch {
	case err != nil:
		return err
	case file == nil && folder == nil:
		return fs.ErrNotExist
	case from.name == to.name && replace:
		return nil
	case file != nil && to.folder:
		return syscall.ENOTDIR
	}
	there, thereFolder, err := t.find(ctx, place{name: to.name, key: to.key})
	switch {
	case err != nil:
		return err
	case !replace && (there != nil || thereFolder != nil):
		return fs.ErrExist
	case file != nil && thereFolder != nil:
		return syscall.EISDIR
	case folder != nil && there != nil:
		return syscall.ENOTDIR
	case file != nil:
		if err := t.bucket.copyTo(ctx, file, to.key, nil); err != nil {
			return err
		}
		return t.bucket.remove(ctx, from.key)
	}
	if thereFolder != nil {
		if _, others, err := t.content(ctx, to); err != nil || others {
			return errors.Join(err, syscall.ENOTEMPTY)
		}
	}
	return t.moveFolder(ctx, t.prefix(from), t.prefix(to))
}

// moveFolder copies all that has a prefix, and then removes it. If a copy fails, those that
// were made are removed, and the folder is as it was.
func (t *tree) moveFolder(ctx context.Context, from, to string) error {
	var objects []*object
	for e, err := range t.bucket.entries(from, "") {
		switch {
		case err != nil:
			return err
		case len(objects) == maxMoved:
			return errors.ErrUnsupported
		case len(to)+len(e.key)-len(from) > maxKey:
			return syscall.ENAMETOOLONG
		}
		objects = append(objects, &e.object)
	}
	tried := make([]bool, len(objects))
	name := func(o *object) string { return to + strings.TrimPrefix(o.key, from) }
	err := each(ctx, len(objects), func(ctx context.Context, i int) error {
		tried[i] = true // also one that fails may have been made
		return t.moveCopy(ctx, objects[i], name(objects[i]))
	})
	if err != nil {
		_ = each(ctx, len(objects), func(ctx context.Context, i int) error {
			if tried[i] {
				_ = t.bucket.remove(ctx, name(objects[i]))
			}
			return nil
		})
		return err
	}
	return each(ctx, len(objects), func(ctx context.Context, i int) error { return t.bucket.remove(ctx, objects[i].key) })
}

// moveCopy copies an object of which a listing has told.
func (t *tree) moveCopy(ctx context.Context, o *object, key string) error {
	if o.size == 0 && strings.HasSuffix(key, "/") {
		return t.bucket.mark(ctx, key) // a marker; stores that keep files in folders do not copy those
	}
	if o.size > copyPart { // in parts, and so its metadata has to be known
		full, err := t.bucket.head(ctx, o.key)
		if err != nil {
			return err
		}
		o = full
	}
	return t.bucket.copyTo(ctx, o, key, nil)
}

// each calls f with all numbers below n, several at once, until one fails. What has begun
// comes to its end.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	group, going := errgroup.WithContext(ctx)
	group.SetLimit(movesAtOnce)
	for i := range n {
		group.Go(func() error {
			if err := going.Err(); err != nil {
				return err
			}
			return f(ctx, i)
		})
	}
	return group.Wait()
}
