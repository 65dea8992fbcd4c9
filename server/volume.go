package server

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

// volumeWait is how long the volume may take to answer. The kubelet waits for the
// probe longer than that.
const volumeWait = 2 * time.Second

var errVolumeSilent = errors.New("the volume does not answer")

// volume asks whether the volume with the files is there. A call to one whose file
// server has gone may never return, so one goroutine asks, however often it is asked
// for meanwhile, and whoever asks waits for it no longer than volumeWait.
type volume struct {
	ask  func() (space, error)
	wait time.Duration

	mu    sync.Mutex
	under *answer // the call under way
}

type answer struct {
	done  chan struct{}
	space space
	err   error
}

// space is how large a volume is, and how much of it the server may still use, in bytes.
// Of a volume that does not tell, both are 0.
type space struct{ size, free float64 }

func newVolume(root func() string) *volume {
	return &volume{wait: volumeWait, ask: func() (space, error) { return lookInto(root()) }}
}

// lookInto opens a folder, for which a network file system asks its server again,
// and stat might not. A server that refuses is there.
func lookInto(path string) (space, error) {
	dir, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return space{}, nil
	}
	if err != nil {
		return space{}, err
	}
	defer dir.Close()
	s, err := storage.SpaceOf(dir)
	if err != nil {
		return space{}, nil //nolint:nilerr // it is there, and does not tell
	}
	block := float64(s.BlockSize)
	return space{size: float64(s.Blocks) * block, free: float64(s.Available) * block}, nil
}

// answers returns nil if the volume is there.
func (v *volume) answers() error {
	_, err := v.look()
	return err
}

func (v *volume) look() (space, error) {
	v.mu.Lock()
	a := v.under
	if a == nil {
		a = &answer{done: make(chan struct{})}
		v.under = a
		go func() {
			a.space, a.err = v.ask()
			v.mu.Lock()
			v.under = nil
			v.mu.Unlock()
			close(a.done)
		}()
	}
	v.mu.Unlock()
	timer := time.NewTimer(v.wait)
	defer timer.Stop()
	select {
	case <-a.done:
		return a.space, a.err
	case <-timer.C:
		return space{}, errVolumeSilent
	}
}
