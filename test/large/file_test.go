//go:build e2e

package large

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// kills is how often a transfer is cut each way.
const kills = 4

var errKilled = errors.New("killed by the test")

func size(t *testing.T) int64 {
	t.Helper()
	size := int64(5 << 30)
	if s := os.Getenv("LARGE"); s != "" {
		var err error
		if size, err = strconv.ParseInt(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	return size
}

// TestALargeFileGoesOnAfterKills uploads a file and downloads it, each cut again and again at random
// places, renames it, and appends to it.
func TestALargeFileGoesOnAfterKills(t *testing.T) {
	size := size(t)
	s := start(t)
	want, err := sumOf(&source{size: size})
	if err != nil {
		t.Fatal(err)
	}
	step := func(name string, f func() error) {
		t.Helper()
		before := time.Now()
		if err := f(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		took := time.Since(before)
		t.Logf("%s: %s, %.0f MB/s; memory %d MiB", name, took.Round(10*time.Millisecond), float64(size)/1e6/took.Seconds(), s.memory()>>20)
	}
	home := s.store.Home(user)
	step(fmt.Sprintf("up, killed %d times", kills), func() error { return s.upload(t, "up.bin", size) })
	step("the upload's checksum in the store", func() error { return same(filepath.Join(home, "up.bin"), want) })
	step(fmt.Sprintf("down, killed %d times", kills), func() error {
		sum, err := s.download(t, "up.bin", size)
		if err == nil && sum != want {
			err = fmt.Errorf("the SHA-256 is %s, want %s", sum, want)
		}
		return err
	})
	step("rename", func() error {
		c := s.connect(t.Context())
		defer c.kill()
		return c.Rename("up.bin", "renamed.bin")
	})
	if _, err := os.Stat(filepath.Join(home, "up.bin")); err == nil {
		t.Error("the old name is still there")
	}
	const more = 10_000_000
	step("append", func() error {
		c := s.connect(t.Context())
		defer c.kill()
		return c.Append("renamed.bin", &source{at: size, size: size + more})
	})
	if want, err = sumOf(&source{size: size + more}); err != nil {
		t.Fatal(err)
	}
	step("checksum of the renamed file with what was appended", func() error { return same(filepath.Join(home, "renamed.bin"), want) })
	left, err := filepath.Glob(filepath.Join(s.store.Folder, ".sgwtmp", "multipart", "*", "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("uploads are left: %q, %v", left, err)
	}
}

func same(name, want string) error {
	got, err := sumOfFile(name)
	if err == nil && got != want {
		err = fmt.Errorf("the SHA-256 is %s, want %s", got, want)
	}
	return err
}

// upload goes on until all is there. Clients are killed, and once the server is.
func (s *fileserver) upload(t *testing.T, name string, size int64) error {
	for try := 0; ; try++ {
		c := s.connect(t.Context())
		var at int64
		if try > 0 {
			var err error
			if at, err = s.resumeAt(t.Context(), c, name); err != nil {
				return err
			}
		}
		from := &source{at: at, size: size}
		end := at + 1 + rand.Int64N(max(1, (size-at)/2))
		if try < kills {
			from.before = func(now int64) error {
				if now < end {
					return nil
				}
				if try == kills/2 {
					s.restart()
				}
				c.kill()
				return errKilled
			}
		}
		err := c.StorFrom(name, from, uint64(at))
		c.kill()
		if try < kills && err == nil {
			return errors.New("an upload that was killed has succeeded")
		}
		if try < kills {
			t.Logf("from %d on, killed at %d%s", at, end, map[bool]string{true: " with the server"}[try == kills/2])
			continue
		}
		return err
	}
}

// resumeAt is how much is there, when the server has noticed that the client has gone.
func (s *fileserver) resumeAt(ctx context.Context, c *client, name string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		running, err := s.transfers()
		if err != nil {
			return 0, err
		}
		if running == 0 {
			return c.FileSize(name)
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%d transfers run still: %w", running, ctx.Err())
		case <-tick.C:
		}
	}
}

// download returns the checksum of what came, piece by piece.
func (s *fileserver) download(t *testing.T, name string, size int64) (string, error) {
	h, at := sha256.New(), int64(0)
	for try := 0; ; try++ {
		c := s.connect(t.Context())
		r, err := c.RetrFrom(name, uint64(at))
		if err != nil {
			return "", err
		}
		end := size
		if try < kills {
			end = at + 1 + rand.Int64N(max(1, (size-at)/2))
		}
		n, err := io.CopyN(h, r, end-at)
		if at += n; err != nil {
			return "", fmt.Errorf("at %d: %w", at, err)
		}
		if at == size {
			err := r.Close() // the server's last word
			c.kill()
			return text(h), err
		}
		if try == kills/2 {
			s.restart()
		}
		c.kill()
		t.Logf("killed at %d", at)
	}
}
