package server

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// debounce is how long the watched folders must be quiet before they are read:
	// the kubelet writes the files of a volume one after the other.
	debounce = 50 * time.Millisecond

	// watchAgain is how long after a failure a folder is tried again.
	watchAgain = time.Minute
)

// A watcher calls changed, on one goroutine, some time after anything changed in
// one of the folders that folders returns. It asks again after each call, since a
// new configuration may name files elsewhere. What cannot be watched is a warning:
// it is tried again, and the files are read, each time that something happens where
// the folder should be, and after each watchAgain.
type watcher struct {
	folders func() []string
	changed func()
	log     *slog.Logger
	again   time.Duration // watchAgain

	notify *fsnotify.Watcher // nil if there is none
	failed map[string]bool   // folders that cannot be watched
	extra  []string          // watched in their place
}

// run watches until ctx ends.
func (w *watcher) run(ctx context.Context) {
	w.failed = map[string]bool{}
	w.add()
	defer func() {
		if w.notify != nil {
			w.notify.Close()
		}
	}()
	// What changed between the first reading and now was not seen.
	w.changed()
	quiet := time.NewTimer(debounce)
	quiet.Stop()
	retry := time.NewTicker(w.again)
	defer retry.Stop()
	for {
		var events chan fsnotify.Event
		var errors chan error
		if w.notify != nil {
			events, errors = w.notify.Events, w.notify.Errors
		}
		select {
		case <-ctx.Done():
			return
		case <-events:
			quiet.Reset(debounce)
		case err := <-errors:
			// The queue overflowed, say: something changed.
			w.log.Debug("watching the configuration", "error", err)
			quiet.Reset(debounce)
		case <-retry.C:
			if w.notify == nil || len(w.failed) > 0 {
				w.changed()
				w.add()
			}
		case <-quiet.C:
			w.changed()
			w.add()
		}
	}
}

// add watches what is to be watched, as far as it can be.
func (w *watcher) add() {
	if w.notify == nil {
		notify, err := fsnotify.NewWatcher()
		if err != nil {
			w.fail("", err)
			return
		}
		w.notify = notify
		w.recover("")
	}
	folders := w.folders()
	var extra []string
	for _, folder := range folders {
		if err := w.notify.Add(folder); err != nil {
			w.fail(folder, err)
			if above := existing(folder); w.notify.Add(above) == nil {
				extra = append(extra, above)
			}
			continue
		}
		w.recover(folder)
	}
	for _, old := range w.extra {
		if !slices.Contains(extra, old) && !slices.Contains(folders, old) {
			_ = w.notify.Remove(old) // it may have gone
		}
	}
	w.extra = extra
	for folder := range w.failed {
		if folder != "" && !slices.Contains(folders, folder) {
			delete(w.failed, folder) // no longer asked for
		}
	}
}

func (w *watcher) fail(folder string, err error) {
	if !w.failed[folder] {
		w.log.Warn("a folder of the configuration cannot be watched; it is tried again", "folder", folder, "error", err)
	}
	w.failed[folder] = true
}

func (w *watcher) recover(folder string) {
	if w.failed[folder] {
		w.log.Info("a folder of the configuration is watched again", "folder", folder)
		delete(w.failed, folder)
	}
}

// existing returns the folder above that exists.
func existing(folder string) string {
	for {
		above := filepath.Dir(folder)
		if _, err := os.Stat(above); err == nil || above == folder {
			return above
		}
		folder = above
	}
}
