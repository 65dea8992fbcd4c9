package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ID is the identity of a file or folder. Two are equal only for one and the
// same: numbers of the volume are used again for new files, the time of birth
// is not.
type ID struct {
	device, number uint64
	born           int64 // nanoseconds since 1970; 0 where the volume has no such time
}

// Lasting reports whether the identity tells a file from a later one with its
// number. Where it does not, only a file that is kept open is known to be the
// same still.
func (id ID) Lasting() bool { return id.born != 0 }

// Token is the identity as a text that is the same in all pods: the number of a volume is
// not in it, which differs from node to node.
func (id ID) Token() string {
	if id.born == -1 { // of NewID
		return fmt.Sprintf("%x-%x", id.device, id.number)
	}
	return fmt.Sprintf("%x-%x", id.number, id.born)
}

// NewID returns an identity for what has none from the system: it is that of whatever
// is told by the same words, and it is lasting. A [fs.FileInfo] whose Sys returns it
// describes that.
func NewID(words ...string) ID {
	hash := sha256.New()
	for _, word := range words {
		hash.Write(binary.AppendUvarint(nil, uint64(len(word))))
		hash.Write([]byte(word))
	}
	sum := hash.Sum(nil)
	return ID{device: binary.BigEndian.Uint64(sum), number: binary.BigEndian.Uint64(sum[8:]), born: -1}
}

// Is reports whether info describes what has this number now. It says nothing
// of the time of birth.
func (id ID) Is(info fs.FileInfo) bool {
	if made, ok := info.Sys().(ID); ok {
		return made == id
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Dev == id.device && s.Ino == id.number
}

// IDOf returns the identity of an open file.
func IDOf(f *os.File) (id ID, err error) {
	err = control(f, func(fd int) (err error) {
		id, _, err = identify(fd)
		return err
	})
	return id, err
}

// FileID returns the identity of an open file, of whatever tree. ok is false if the file has
// none that anybody knows.
func FileID(f File) (id ID, ok bool) {
	if osFile := OSFile(f); osFile != nil {
		id, err := IDOf(osFile)
		return id, err == nil
	}
	if own, has := f.(interface{ ID() ID }); has {
		return own.ID(), true
	}
	return ID{}, false
}

// identify returns the identity of what is open, and its kind (S_IFMT).
func identify(fd int) (id ID, kind uint32, err error) {
	var x unix.Statx_t
	err = unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_TYPE|unix.STATX_INO|unix.STATX_BTIME, &x)
	if err == nil {
		id = ID{device: unix.Mkdev(x.Dev_major, x.Dev_minor), number: x.Ino}
		if x.Mask&unix.STATX_BTIME != 0 {
			id.born = x.Btime.Sec*int64(time.Second) + int64(x.Btime.Nsec)
		}
		return id, uint32(x.Mode) & unix.S_IFMT, nil
	}
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return ID{}, 0, err
	}
	var s unix.Stat_t // a sandbox without statx
	if err := unix.Fstat(fd, &s); err != nil {
		return ID{}, 0, err
	}
	return ID{device: s.Dev, number: s.Ino}, s.Mode & unix.S_IFMT, nil
}

// control calls f with the descriptor of an open file, which is not closed
// before f returns.
func control(file *os.File, f func(fd int) error) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// Pin keeps the number of an open file from being used again, until the
// closer is closed. It holds no lock of the file.
func Pin(f *os.File) (io.Closer, error) {
	var pin *os.File
	err := control(f, func(fd int) error {
		pinned, err := openat(unix.AT_FDCWD, procPath(fd), unix.O_PATH, 0)
		if err == nil {
			pin = os.NewFile(uintptr(pinned), f.Name())
		}
		return err
	})
	return pin, err
}
