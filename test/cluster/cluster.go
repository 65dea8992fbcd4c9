// Package cluster gives tests and the demo a real Kubernetes: one of
// hack/cluster, or the one that KUBECONFIG names.
package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Cluster is a running Kubernetes.
type Cluster struct {
	// Name is that of hack/cluster; empty for a cluster of the user's.
	Name string
	// Kubeconfig is the path of its kubeconfig.
	Kubeconfig string

	program string // hack/cluster's
	kubectl string
}

// Root is the repository's folder.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Up starts the cluster of that name, or what is missing of it, and waits until
// it is ready. Progress goes to out.
func Up(ctx context.Context, name string, nodes int, out io.Writer) (*Cluster, error) {
	program, err := build(ctx, out)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Name: name, program: program}
	if own := os.Getenv("KUBECONFIG"); own != "" && os.Getenv("FILESERVER_CLUSTER") == "" {
		kubectl, err := exec.LookPath("kubectl")
		if err != nil {
			return nil, fmt.Errorf("KUBECONFIG names a cluster, and there is no kubectl for it: %w", err)
		}
		return &Cluster{Kubeconfig: own, program: program, kubectl: kubectl}, nil
	}
	up := exec.CommandContext(ctx, program, "up", "--install", "--name", name, "--nodes", strconv.Itoa(nodes))
	up.Stdout, up.Stderr = out, out
	if err := up.Run(); err != nil {
		return nil, fmt.Errorf("starting cluster %s: %w", name, err)
	}
	if c.Kubeconfig, err = c.Run(ctx, "kubeconfig", "--name", name); err != nil {
		return nil, err
	}
	assets, err := c.Run(ctx, "assets")
	c.kubectl = filepath.Join(assets, "kubectl")
	return c, err
}

// Down removes the cluster of that name and all that belongs to it.
func Down(ctx context.Context, name string, out io.Writer) error {
	program, err := build(ctx, out)
	if err != nil {
		return err
	}
	down := exec.CommandContext(ctx, program, "down", "--name", name)
	down.Stdout, down.Stderr = out, out
	return down.Run()
}

// build compiles hack/cluster, which Go's build cache makes quick, and returns
// the path of the program.
func build(ctx context.Context, out io.Writer) (string, error) {
	program := filepath.Join(Root(), "bin", "cluster")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "./cluster")
	cmd.Dir = filepath.Join(Root(), "hack")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building hack/cluster: %w", err)
	}
	return program, nil
}

// Local reports whether the cluster is one of hack/cluster, so that images can
// be loaded and clients run in a namespace outside.
func (c *Cluster) Local() bool { return c.Name != "" }

// Load imports image archives on every node.
func (c *Cluster) Load(ctx context.Context, archives ...string) error {
	if !c.Local() {
		return nil // the images of a user's cluster come from its registry
	}
	_, err := c.Run(ctx, append([]string{"load", "--name", c.Name}, archives...)...)
	return err
}

// Client is a command that runs where the clients are: in a network namespace
// outside the cluster.
func (c *Cluster) Client(ctx context.Context, name string, args ...string) *exec.Cmd {
	if !c.Local() {
		return exec.CommandContext(ctx, name, args...)
	}
	return exec.CommandContext(ctx, c.program, append([]string{"exec", "--name", c.Name, "client", "--", name}, args...)...)
}

// Kubectl runs kubectl and returns what it prints. Its error has what kubectl
// said.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.KubectlIn(ctx, "", args...)
}

// KubectlIn is Kubectl with text on its standard input.
func (c *Cluster) KubectlIn(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.kubectl, append([]string{"--kubeconfig", c.Kubeconfig}, args...)...)
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	return output(cmd)
}

// KubectlPath is the kubectl of the cluster's version.
func (c *Cluster) KubectlPath() string { return c.kubectl }

// Run runs a command of hack/cluster and returns what it prints.
func (c *Cluster) Run(ctx context.Context, args ...string) (string, error) {
	return output(exec.CommandContext(ctx, c.program, args...))
}

func output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		err = errors.New(strings.TrimSpace(filepath.Base(cmd.Path) + ": " + err.Error() + ": " + stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), err
}
