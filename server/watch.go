package server

import (
	"context"
	"fmt"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long the watched folders must be quiet before they are read:
// the kubelet writes the files of a volume one after the other.
const settle = 50 * time.Millisecond

// watch calls changed, on one goroutine, some time after anything changed in
// one of the folders that folders returns. It asks again after each call,
// since a new configuration may name files elsewhere. It returns when ctx ends.
func watch(ctx context.Context, folders func() []string, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching the configuration: %w", err)
	}
	defer w.Close()
	add := func() error {
		for _, folder := range folders() {
			if err := w.Add(folder); err != nil {
				return fmt.Errorf("watching %s: %w", folder, err)
			}
		}
		return nil
	}
	if err := add(); err != nil {
		return err
	}
	// What changed between the first reading and now was not seen.
	changed()

	quiet := time.NewTimer(settle)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-w.Events:
			if !ok {
				return nil
			}
			quiet.Reset(settle)
		case err := <-w.Errors:
			// The queue overflowed: something changed.
			_ = err
			quiet.Reset(settle)
		case <-quiet.C:
			changed()
			if err := add(); err != nil {
				return err
			}
		}
	}
}
