//go:build e2e

// Package killed kills clients in the middle of uploads, and looks at what is
// left: nothing under the name where uploads are atomic, and everywhere a failed
// transfer in the log and in the metrics.
package killed

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
)

var (
	uploads  = flag.Int("uploads", 540, "how many clients are killed whose files go to a volume, at least")
	inBucket = flag.Int("uploads-in-bucket", 72, "how many whose files go to a bucket, at least")
	only     = flag.String("only", "", "run only clients whose name has this")
)

const (
	// most bounds all of it, and patience one client.
	most     = 8 * time.Minute
	patience = 20 * time.Second
	workers  = 8
)

// TestAKilledClientPublishesNothing kills each client that uploads, over each
// protocol, at random moments.
func TestAKilledClientPublishesNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	programs := installed(t)
	killed(ctx, t, programs, *uploads, start(t, atomicVolume), start(t, volume))
}

// TestAKilledClientPublishesNothingInABucket does the same to a server whose files are in a bucket.
func TestAKilledClientPublishesNothingInABucket(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	killed(ctx, t, installed(t), *inBucket, start(t, bucket))
}

// killed kills so many clients of the servers together, at least.
func killed(ctx context.Context, t *testing.T, programs []client, uploads int, servers ...*fileserver) {
	t.Helper()
	rounds := (uploads + len(programs)*len(servers) - 1) / (len(programs) * len(servers))
	jobs := make(chan job)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for j := range jobs {
				j.run(ctx, t)
			}
		})
	}
	for round := range rounds {
		for _, c := range programs {
			for _, s := range servers {
				jobs <- job{client: c, server: s, name: fmt.Sprintf("%s-%d", c.name, round)}
			}
		}
	}
	close(jobs)
	all.Wait()
	for _, s := range servers {
		s.judge(t, uploads/len(servers))
	}
}

// A job is one client to be killed.
type job struct {
	client client
	server *fileserver
	name   string // of the file
}

// run starts the client, kills it while it uploads, and notes what came before.
func (j job) run(ctx context.Context, t *testing.T) {
	cmd := j.client.command(j.server, j.name)
	cmd.Env = append(os.Environ(), "HOME="+j.server.dir)
	cmd.Dir = j.server.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = output, output
	feed := func() {}
	if cmd.Stdin == nil {
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Error(err)
			return
		}
		// Some of the file, and the rest never comes: what has come is on the
		// server when the client is killed.
		feed = func() { _, _ = io.CopyN(in, zeros{}, j.server.feed()) }
	}
	if err := cmd.Start(); err != nil {
		t.Errorf("%s: %v", j.client.name, err)
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	go feed()
	begun := j.server.begins(ctx, j.name, ended)
	time.Sleep(rand.N(100 * time.Millisecond)) // the random moment
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	select {
	case <-ended:
	case <-ctx.Done():
	}
	if !begun {
		t.Errorf("%s (in %s): no upload began: %.300s", j.client.name, j.server.place, output)
		return
	}
	j.server.killed(j.name)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// begins waits until something of a file has come.
func (s *fileserver) begins(ctx context.Context, name string, ended <-chan struct{}) bool {
	limit := time.After(patience)
	for {
		for _, pattern := range s.signs(name) {
			matches, _ := filepath.Glob(pattern)
			for _, match := range matches {
				if info, err := os.Stat(match); err == nil && (info.Size() > 0 || s.store != nil) {
					return true
				}
			}
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-limit:
			return false
		case <-ctx.Done():
			return false
		case <-ended:
			return false
		}
	}
}

// installed returns the clients, and installs those that are missing.
func installed(t *testing.T) []client {
	t.Helper()
	var found []client
	var missing []string
	for _, c := range all() {
		if !strings.Contains(c.name, *only) {
			continue
		}
		found = append(found, c)
		if program := c.command(&fileserver{}, "x").Args[0]; exec.Command(program).Err != nil {
			missing = append(missing, packages[program])
		}
	}
	if err := clients.InstallPackages(t.Context(), os.Stderr, missing); err != nil {
		t.Fatal(err)
	}
	return found
}
