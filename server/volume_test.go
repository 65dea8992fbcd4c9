package server

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestAVolumeThatDoesNotReturnKeepsNoProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		release := make(chan struct{})
		v := &volume{wait: volumeWait, ask: func() (space, error) {
			asked.Add(1)
			<-release
			return space{}, nil
		}}
		for range 3 {
			start := time.Now()
			if err := v.answers(); !errors.Is(err, errVolumeSilent) {
				t.Errorf("the volume answers: %v", err)
			}
			if took := time.Since(start); took != volumeWait {
				t.Errorf("the probe took %s, want %s", took, volumeWait)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("%d calls are stuck, want one", n)
		}
		close(release)
		synctest.Wait()
		if err := v.answers(); err != nil {
			t.Errorf("the volume is back, and the probe says: %v", err)
		}
	})
}

func TestAVolumeThatIsStaleIsNotThere(t *testing.T) {
	v := &volume{wait: volumeWait, ask: func() (space, error) { return space{}, &os.PathError{Op: "open", Path: "/data", Err: syscall.ESTALE} }}
	if err := v.answers(); !errors.Is(err, syscall.ESTALE) {
		t.Errorf("the probe says: %v", err)
	}
}

func TestTheFolderOfAVolume(t *testing.T) {
	dir := t.TempDir()
	if err := newVolume(func() string { return dir }).answers(); err != nil {
		t.Errorf("a folder: %v", err)
	}
	if err := newVolume(func() string { return filepath.Join(dir, "gone") }).answers(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0); err != nil {
		t.Fatal(err)
	}
	if err := newVolume(func() string { return closed }).answers(); err != nil {
		t.Errorf("a folder of somebody else's, whose file server answers: %v", err)
	}
}

func TestAServerIsNotReadyWithoutItsVolume(t *testing.T) {
	i := start(t)
	if _, err := i.get(config.PathReady); err != nil {
		t.Fatal(err)
	}
	away := i.config.Storage.Root + ".away"
	if err := os.Rename(i.config.Storage.Root, away); err != nil {
		t.Fatal(err)
	}
	if _, err := i.get(config.PathReady); err == nil {
		t.Error("the volume is gone, and the server is ready")
	}
	if _, err := i.get(config.PathLive); err != nil {
		t.Errorf("the volume is gone, and the server is taken for dead: %v", err)
	}
	if err := os.Rename(away, i.config.Storage.Root); err != nil {
		t.Fatal(err)
	}
	if _, err := i.get(config.PathReady); err != nil {
		t.Errorf("the volume is back: %v", err)
	}
}
