package users

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

func (r *restricted) OpenFile(name string, flag int, perm fs.FileMode) (file storage.File, err error) {
	const writing = os.O_WRONLY | os.O_RDWR | os.O_CREATE | os.O_TRUNC | os.O_APPEND
	may := func(_ *config.User, s *spot) bool {
		switch s.access {
		case config.AccessReadWrite:
			return true
		case config.AccessReadOnly:
			return flag&writing == 0
		case config.AccessWriteOnly:
			return flag&os.O_CREATE != 0 ||
				flag&(os.O_WRONLY|os.O_RDWR) == os.O_WRONLY && (r.own(s) || !s.Exists() || flag&storage.Upload != 0)
		}
		return false
	}
	err = r.on(act{"open", name, flag&os.O_EXCL == 0, may, func(tree storage.FS, name string, s *spot) error {
		var f storage.File
		var err error
		if s.access == config.AccessWriteOnly {
			f, err = r.drop(tree, name, s, flag, perm)
		} else {
			f, err = tree.OpenFile(name, flag, perm)
		}
		if err == nil {
			file = r.guard(f, name, s, flag)
		}
		return err
	}})
	return file, err
}

// drop opens a file in a drop box: a new one, one that was made through this tree,
// or an upload of the user's that was cut. It is not read, whatever the client
// asks for, and it is hidden until it is complete: so who was cut may repeat the
// upload under the same name.
func (r *restricted) drop(tree storage.FS, name string, s *spot, flag int, perm fs.FileMode) (storage.File, error) {
	exclusive := flag&os.O_EXCL != 0
	if flag&os.O_RDWR != 0 {
		flag = flag&^os.O_RDWR | os.O_WRONLY
	}
	if exclusive {
		flag |= os.O_TRUNC // nothing of an earlier upload
	}
	if !r.own(s) || !s.Exists() {
		flag |= os.O_EXCL
	}
	f, err := tree.OpenFile(name, flag|storage.Hide, perm)
	switch {
	case errors.Is(err, fs.ErrExist) && !exclusive,
		errors.Is(err, fs.ErrNotExist) && flag&os.O_CREATE == 0 && !strings.HasSuffix(name, "/"):
		return nil, errDenied // alike for what another has dropped and for nothing
	case err != nil:
		return nil, err
	}
	if !isUpload(f) && flag&os.O_EXCL == 0 && !s.isOpen(f) {
		// Another's has come in its place. Nothing was emptied.
		return nil, errors.Join(errDenied, f.Close())
	}
	r.made.add(&s.Place, f)
	return f, nil
}

// isOpen reports whether what was walked is the file.
func (s *spot) isOpen(f storage.File) bool {
	id, ok := storage.FileID(f)
	return !ok || id == s.ID()
}
