// Command tools builds the developer tools that this module pins, once for each
// machine and version, and prints their paths:
//
//	go run -C hack/tools . helm controller-gen
//
// What it builds is kept under the user's cache folder, by a hash of the
// module's files and the version of Go, so that a clean clone finds it there.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// tool is a program and the module that pins it: "." is this one. Some have one
// of their own, since no version of what they require suits them all.
type tool struct{ module, pkg string }

var tools = map[string]tool{
	"controller-gen":         {".", "sigs.k8s.io/controller-tools/cmd/controller-gen"},
	"crd-ref-docs":           {".", "github.com/elastic/crd-ref-docs"},
	"helm":                   {".", "helm.sh/helm/v4/cmd/helm"},
	"helm-docs":              {".", "github.com/norwoodj/helm-docs/cmd/helm-docs"},
	"helm-unittest":          {"../unittest", "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"},
	"gotestsum":              {".", "gotest.tools/gotestsum"},
	"versitygw":              {"../objects", "github.com/versity/versitygw/cmd/versitygw"},
	"validate-krew-manifest": {"../krew", "sigs.k8s.io/krew/cmd/validate-krew-manifest"},
	"cyclonedx-gomod":        {"../sbom", "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod"},
	"golangci-lint":          {"../lint", "github.com/fileserver-dev/fileserver-operator/hack/lint"},
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: tools NAME...; the names are", slices.Sorted(maps.Keys(tools)))
		os.Exit(2)
	}
	for i, name := range os.Args[1:] {
		path, err := ensure(name, fmt.Sprintf("%d of %d", i+1, len(os.Args)-1))
		if err != nil {
			fmt.Fprintln(os.Stderr, "tools:", err)
			os.Exit(1)
		}
		fmt.Println(path)
	}
}

// ensure returns the path of a tool, and builds it if it is not there.
func ensure(name, progress string) (string, error) {
	t, ok := tools[name]
	if !ok {
		return "", fmt.Errorf("there is no tool %q", name)
	}
	key, err := version(t.module)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache folder (set HOME or XDG_CACHE_HOME): %w", err)
	}
	path := filepath.Join(cache, "fileserver-operator", "tools-"+key, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	return path, build(t, path, name, progress)
}

// build builds beside the path and renames, so that nobody finds half a tool.
func build(t tool, path, name, progress string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "building %s (%s)\n", name, progress)
	start := time.Now()
	tick := time.NewTicker(20 * time.Second)
	defer tick.Stop()
	go func() {
		for range tick.C {
			fmt.Fprintf(os.Stderr, "still building %s, %s\n", name, time.Since(start).Round(time.Second))
		}
	}()
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", temp, t.pkg)
	cmd.Dir = t.module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		os.Remove(temp)
		return fmt.Errorf("building %s: %w", name, err)
	}
	fmt.Fprintf(os.Stderr, "built %s in %s\n", name, time.Since(start).Round(time.Second))
	return os.Rename(temp, path)
}

// version identifies what a module pins.
func version(module string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	sources, err := filepath.Glob(filepath.Join(module, "*.go"))
	if err != nil {
		return "", err
	}
	if module == "." {
		sources = nil // this program is none of the tools
	}
	for _, name := range append([]string{filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum")}, sources...) {
		b, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("reading what is pinned: %w", err)
		}
		h.Write(b)
	}
	return strings.ToLower(hex.EncodeToString(h.Sum(nil)))[:16], nil
}
