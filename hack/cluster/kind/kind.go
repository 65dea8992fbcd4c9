// Package kind runs a cluster with kind, on a machine with Docker. It covers what the commands of the
// local provider do, except for the client namespace.
package kind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A Cluster is one kind cluster.
type Cluster struct {
	Name  string
	Nodes int
	Out   io.Writer
}

// Up creates the cluster unless it exists.
func (c Cluster) Up(ctx context.Context) error {
	if err := check(ctx); err != nil {
		return err
	}
	clusters, err := c.output(ctx, "get", "clusters")
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(clusters), c.Name) {
		if err := c.run(ctx, c.config(), "create", "cluster", "--name", c.Name, "--config", "-", "--wait", "2m"); err != nil {
			return err
		}
	}
	path, err := c.Kubeconfig()
	if err != nil {
		return err
	}
	return c.run(ctx, "", "export", "kubeconfig", "--name", c.Name, "--kubeconfig", path)
}

// config is one control plane that also runs pods, and workers.
func (c Cluster) config() string {
	return "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n" +
		strings.Repeat("- role: worker\n", max(c.Nodes-1, 0))
}

// Kubeconfig is where the cluster's kubeconfig is kept.
func (c Cluster) Kubeconfig() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(base, "fileserver-operator", "kind")
	return filepath.Join(dir, c.Name+".kubeconfig"), os.MkdirAll(dir, 0o755)
}

// Load loads image archives on every node.
func (c Cluster) Load(ctx context.Context, files []string) error {
	for _, f := range files {
		if err := c.run(ctx, "", "load", "image-archive", "--name", c.Name, f); err != nil {
			return err
		}
	}
	return nil
}

// Down deletes the cluster.
func (c Cluster) Down(ctx context.Context) error {
	if err := c.run(ctx, "", "delete", "cluster", "--name", c.Name); err != nil {
		return err
	}
	path, err := c.Kubeconfig()
	if err != nil {
		return err
	}
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func check(ctx context.Context) error {
	if _, err := exec.LookPath("kind"); err != nil {
		return errors.New("there is no kind here: go install sigs.k8s.io/kind@latest, or leave out --provider kind")
	}
	if err := exec.CommandContext(ctx, "docker", "info").Run(); err != nil {
		return errors.New("there is no answer to `docker info`: start Docker, or leave out --provider kind")
	}
	return nil
}

func (c Cluster) run(ctx context.Context, input string, args ...string) error {
	cmd := exec.CommandContext(ctx, "kind", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), c.Out, c.Out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("kind %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

func (c Cluster) output(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "kind", args...).Output()
	if err != nil {
		return "", fmt.Errorf("kind %s: %w", strings.Join(args, " "), err)
	}
	return string(out), nil
}
