package storage

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
)

// Remove implements [FS]. Where there is nothing else, it gives up the upload
// that was cut. A file that this session is writing is gone, and stays so when it
// is closed.
func (a *atomic) Remove(name string) error {
	if err := refuse("remove", false, name); err != nil {
		return err
	}
	u := a.writing(name, false)
	err := a.tree.Remove(name)
	if u != nil && (err == nil || errors.Is(err, fs.ErrNotExist)) {
		u.abandon()
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	full, resolveErr := a.realName(name, false)
	if resolveErr != nil {
		return err
	}
	switch hiddenErr := discard(a.real, a.partial(full), 0); {
	case hiddenErr == nil:
		return nil
	case errors.Is(hiddenErr, syscall.EBUSY):
		return named("remove", name, syscall.EBUSY)
	}
	return err
}

// RemoveDir implements [FS]. A folder with nothing but uploads that were cut is
// empty for whoever lists it, and so it is removed with them.
func (a *atomic) RemoveDir(name string) error {
	if err := refuse("rmdir", false, name); err != nil {
		return err
	}
	err := a.tree.RemoveDir(name)
	if !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, fs.ErrExist) {
		return err
	}
	var partials []string
	for info, listErr := range a.tree.List(name) {
		if listErr != nil || !madeHere.MatchString(info.Name()) {
			return err
		}
		partials = append(partials, name+"/"+info.Name())
	}
	for _, partial := range partials {
		if err := discard(a.tree, partial, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return named("rmdir", name, withoutPath(err))
		}
	}
	return a.tree.RemoveDir(name)
}

// abandon removes the file while its session goes on writing it.
func (u *upload) abandon() {
	u.session.mu.Lock()
	u.gone = true
	delete(u.session.open, u.name)
	partial := u.hidden
	u.session.mu.Unlock()
	_ = u.real.Remove(partial) // it is locked: nobody else has it
}

// Rename implements [FS].
func (a *atomic) Rename(oldName, newName string) error { return a.rename(oldName, newName, true) }

// RenameNew implements [FS].
func (a *atomic) RenameNew(oldName, newName string) error { return a.rename(oldName, newName, false) }

func (a *atomic) rename(oldName, newName string, replace bool) error {
	if err := errors.Join(refuse("rename", false, oldName), refuse("rename", true, newName)); err != nil {
		return err
	}
	from, err := a.realName(oldName, false)
	if err != nil {
		return err
	}
	to, err := a.realName(newName, false)
	if err != nil {
		return named("rename", oldName, err)
	}
	if u := a.writingTo(from); u != nil {
		return withName(oldName, u.rename(to, replace))
	}
	replaced := a.writingTo(to)
	rename := a.tree.Rename
	if !replace {
		if rename = a.tree.RenameNew; replaced != nil {
			return named("rename", oldName, fs.ErrExist)
		}
	}
	if err := rename(oldName, newName); err != nil {
		return err
	}
	if replaced != nil {
		replaced.abandon()
	}
	a.moved(from+"/", to+"/")
	return nil
}

// moved keeps up with what this session is writing below a folder that has
// another name now.
func (s *session) moved(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, u := range s.open {
		if rest, below := strings.CutPrefix(name, from); below {
			delete(s.open, name)
			u.name, u.hidden = to+rest, to+strings.TrimPrefix(u.hidden, from)
			s.open[u.name] = u
		}
	}
}

// former is a file that had the name of an upload before that was renamed.
type former struct {
	name string
	info fs.FileInfo
}

// rename gives the file another name to have when it is complete. Until then,
// what has the old name stays.
func (u *upload) rename(name string, replace bool) error {
	to := u.session.partial(name)
	if name == u.name {
		return nil
	}
	switch info, err := u.real.Lstat(name); {
	case err == nil && !replace, u.writingTo(name) != nil:
		return fs.ErrExist
	case err == nil && info.IsDir():
		return syscall.EISDIR
	}
	if err := discard(u.real, to, 0); errors.Is(err, syscall.EBUSY) {
		return err
	}
	if err := u.real.Rename(u.at(), to); err != nil {
		return err
	}
	before, err := u.real.Lstat(u.name)
	goes := err == nil && u.mayReplace(u.name)
	u.session.mu.Lock()
	defer u.session.mu.Unlock()
	if goes && u.instead == nil {
		u.instead = &former{u.name, before}
	}
	if u.how = replacing; !replace {
		u.how = exclusive
	}
	delete(u.session.open, u.name)
	u.name, u.hidden, u.spare = name, to, false
	u.session.open[name] = u
	return nil
}
