package assets

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/filelock"
)

// buildFlags make the result independent of the folder and of the repository's state.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-mod=readonly"}

// A Builder builds components into a cache folder.
type Builder struct {
	Source string    // hack/cluster of a checkout
	Cache  string    // see CacheDir
	Out    io.Writer // progress
}

// NewBuilder returns a builder for the checkout around the working directory.
func NewBuilder(out io.Writer) (*Builder, error) {
	source, err := FindSource()
	if err != nil {
		return nil, err
	}
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	return &Builder{Source: source, Cache: cache, Out: out}, nil
}

// A job is one program that the cache lacks.
type job struct {
	component Component
	program   Program
	target    string
	ldflags   string
}

// Build makes sure that the cache holds every program of the components, and returns each component's
// folder by name.
func (b *Builder) Build(ctx context.Context, components []Component) (map[string]string, error) {
	dirs, missing, err := b.plan(components)
	if err != nil || len(missing) == 0 {
		return dirs, err
	}
	unlock, err := filelock.Acquire(ctx, filepath.Join(b.Cache, "build.lock"), func() {
		fmt.Fprintln(b.Out, "another build is running; waiting for it")
	})
	if err != nil {
		return nil, err
	}
	defer unlock()
	// Whoever held the lock may have built what was missing.
	if dirs, missing, err = b.plan(components); err != nil || len(missing) == 0 {
		return dirs, err
	}
	fmt.Fprintf(b.Out, "building %d program(s) into %s, once per machine (a whole cluster: about 10 minutes on two cores)\n",
		len(missing), b.Cache)
	began := time.Now()
	for i, j := range missing {
		if err := b.build(ctx, j, fmt.Sprintf("[%d/%d] %s", i+1, len(missing), j.program.Name)); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(b.Out, "built %d program(s) in %s\n", len(missing), time.Since(began).Round(time.Second))
	return dirs, nil
}

// CertManagerCRDs is the folder of cert-manager's CustomResourceDefinitions, of the version that is built.
func (b *Builder) CertManagerCRDs(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", certManager.Module)
	cmd.Dir = filepath.Join(b.Source, certManager.Name)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("finding cert-manager's module: %w\n%s", err, tail(said.Bytes(), 4096))
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return "", fmt.Errorf("finding cert-manager's module: %w", err)
	}
	return filepath.Join(module.Dir, "deploy", "crds"), nil
}

func (b *Builder) plan(components []Component) (map[string]string, []job, error) {
	dirs := map[string]string{}
	var missing []job
	for _, c := range components {
		key, err := c.key(b.Source)
		if err != nil {
			return nil, nil, err
		}
		version, err := c.version(b.Source)
		if err != nil {
			return nil, nil, err
		}
		dirs[c.Name] = filepath.Join(b.Cache, key)
		for _, p := range c.Programs {
			target := filepath.Join(b.Cache, key, p.Name)
			if _, err := os.Stat(target); err != nil {
				missing = append(missing, job{c, p, target, c.ldflags(version)})
			}
		}
	}
	return dirs, missing, nil
}

// build makes one program. It appears in the cache by a rename, so that an interrupted build leaves
// nothing that looks whole.
func (b *Builder) build(ctx context.Context, j job, label string) error {
	if err := os.MkdirAll(filepath.Dir(j.target), 0o755); err != nil {
		return err
	}
	temporary := j.target + ".building"
	defer os.Remove(temporary)

	args := append([]string{"build"}, buildFlags...)
	args = append(args, "-ldflags", j.ldflags, "-o", temporary, j.program.Package)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(b.Source, j.component.folder())
	// A workspace file or flags from the caller's environment would change what is built.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output

	fmt.Fprintf(b.Out, "%s: building\n", label)
	began := time.Now()
	stop := every(20*time.Second, func() {
		fmt.Fprintf(b.Out, "%s: still building, %s\n", label, time.Since(began).Round(time.Second))
	})
	err := cmd.Run()
	stop()
	if err != nil {
		return fmt.Errorf("building %s: %w\n%s", j.program.Name, err, tail(output.Bytes(), 4096))
	}
	if err := os.Rename(temporary, j.target); err != nil {
		return err
	}
	fmt.Fprintf(b.Out, "%s: built in %s\n", label, time.Since(began).Round(time.Second))
	return nil
}

// every calls f at each interval until the returned function is called.
func every(interval time.Duration, f func()) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				f()
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

func tail(b []byte, n int) []byte {
	if len(b) > n {
		return b[len(b)-n:]
	}
	return b
}
