package server

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"
)

// volumeWait is how long the volume may take to answer. The kubelet waits for the
// probe longer than that.
const volumeWait = 2 * time.Second

var errVolumeSilent = errors.New("the volume does not answer")

// volume asks whether the volume with the files is there. A call to one whose file
// server has gone may never return, so one goroutine asks, however often it is asked
// for meanwhile, and whoever asks waits for it no longer than volumeWait.
type volume struct {
	ask  func() error
	wait time.Duration

	mu    sync.Mutex
	under *answer // the call under way
}

type answer struct {
	done chan struct{}
	err  error
}

func newVolume(root func() string) *volume {
	return &volume{wait: volumeWait, ask: func() error { return openFolder(root()) }}
}

// openFolder opens a folder, for which a network file system asks its server again,
// and stat might not. A server that refuses is there.
func openFolder(path string) error {
	dir, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	return dir.Close()
}

// answers returns nil if the volume is there.
func (v *volume) answers() error {
	v.mu.Lock()
	a := v.under
	if a == nil {
		a = &answer{done: make(chan struct{})}
		v.under = a
		go func() {
			a.err = v.ask()
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
		return a.err
	case <-timer.C:
		return errVolumeSilent
	}
}
