package filelock

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheSecondWaitsForTheFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := Acquire(t.Context(), path, func() { t.Error("waited for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	waited := false
	second, err := Acquire(t.Context(), path, func() { waited = true; release() })
	if err != nil {
		t.Fatal(err)
	}
	second()
	if !waited {
		t.Error("the second did not wait")
	}
}

func TestALockWhoseFileWasRemovedIsTakenAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := Acquire(t.Context(), path, func() {})
	if err != nil {
		t.Fatal(err)
	}
	// As `cluster down` does: it removes the file while others wait for it.
	second, err := Acquire(t.Context(), path, func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
		release()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer second()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the lock that is held has no file: %v", err)
	}
}
