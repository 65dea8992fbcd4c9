package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAFolderThatVanishesEndsNothingAndIsWatchedAgain(t *testing.T) {
	t.Parallel()
	var dir string
	i := start(t, func(i *instance) {
		dir = filepath.Join(i.dir, "tls")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		i.config.TLS.CertFile, i.config.TLS.KeyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
		writeCertificate(t, i.config.TLS)
	})
	c := i.user("alice")
	before := i.loaded()
	gone := filepath.Join(i.dir, "gone")
	if err := os.Rename(dir, gone); err != nil {
		t.Fatal(err)
	}
	i.eventually("the folder is missed", func() error {
		if l := i.loaded(); len(l.LeftOut) != 1 || l.LeftOut[0].Field != "tls.certFile" {
			return os.ErrNotExist
		}
		return nil
	})
	i.users.Users[0].Limits.MaxSessions = 50
	i.write() // something else changes
	i.eventually("a warning", func() error {
		if len(i.lines("a folder of the configuration cannot be watched; it is tried again")) == 0 {
			return os.ErrNotExist
		}
		return nil
	})
	c.command("NOOP", "200")
	if i.loaded().Draining {
		t.Fatal("the server ends")
	}
	// It comes back, with another certificate, and changes once more.
	if err := os.Rename(gone, dir); err != nil {
		t.Fatal(err)
	}
	i.eventually("it is watched again", func() error {
		if len(i.lines("a folder of the configuration is watched again")) == 0 {
			return os.ErrNotExist
		}
		return nil
	})
	writeCertificate(t, i.config.TLS)
	i.eventually("the new certificate is in force", func() error {
		if l := i.loaded(); len(l.LeftOut) > 0 || l.TLS == before.TLS {
			return os.ErrNotExist
		}
		return nil
	})
}

func TestWhatCannotBeWatchedIsTriedAgain(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "a", "b")
	calls := make(chan struct{}, 100)
	w := watcher{
		folders: func() []string { return []string{missing} }, changed: func() { calls <- struct{}{} },
		log: slog.New(slog.DiscardHandler), again: 10 * time.Millisecond,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(t.Context())
	}()
	for range 5 { // nothing happens in any folder
		select {
		case <-calls:
		case <-time.After(deadline):
			t.Fatal("the files are not read again")
		}
	}
	select {
	case <-done:
		t.Error("the watcher has ended")
	default:
	}
}
