// Package local runs a cluster on this machine: Kubernetes' own programs as background processes, in
// network, mount and control groups of their own.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/cgroup"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/filelock"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/pki"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/process"
)

// DefaultStateRoot holds the clusters' data unless told otherwise. It must be on a disk: containers' root
// file systems are overlays, which cannot lie on another overlay.
const DefaultStateRoot = "/var/lib/fileserver-cluster"

// runRoot holds what must not outlive a restart of the machine: process records, sockets, namespaces.
const runRoot = "/run/fileserver-cluster"

// A Cluster is one cluster on this machine.
type Cluster struct {
	plan.Cluster
	StateRoot string
	Out       io.Writer // progress

	programs map[string]string // folders of programs by component
	ensured  []string          // processes that have been started or found running
}

// state is a path below the cluster's data.
func (c *Cluster) state(elem ...string) string {
	return filepath.Join(append([]string{c.StateRoot, c.Name}, elem...)...)
}

// run is a path below the cluster's sockets and records.
func (c *Cluster) run(elem ...string) string {
	return filepath.Join(append([]string{runRoot, c.Name}, elem...)...)
}

// Kubeconfig is the administrator's, for use on this machine.
func (c *Cluster) Kubeconfig() string { return c.state("kubeconfig") }

// Volumes is the folder that holds volumes.
func (c *Cluster) Volumes() string { return c.state("volumes") }

func (c *Cluster) pki() pki.Dir { return pki.Dir(c.state("pki")) }

func (c *Cluster) processes() process.Set {
	return process.Set{Dir: c.run("processes"), Logs: c.state("log")}
}

// group is a part's control group. Programs are in a group beside that of the pods, since version 2 wants
// processes only in groups without others below.
func (c *Cluster) group(elem ...string) string {
	return strings.Join(append([]string{cgroup.Prefix, c.Name}, elem...), "/")
}

func (c *Cluster) socket(node string) string { return c.run(node, "containerd.sock") }

// lock keeps two commands from changing the same cluster at once.
func (c *Cluster) lock(ctx context.Context) (func(), error) {
	return filelock.Acquire(ctx, c.lockFile(), func() {
		fmt.Fprintf(c.Out, "another command works on cluster %s; waiting for it\n", c.Name)
	})
}

func (c *Cluster) lockFile() string { return filepath.Join(runRoot, c.Name+".lock") }

// writeFile writes a file unless it holds the same already, and makes its folder.
func writeFile(path, content string) error {
	if current, err := os.ReadFile(path); err == nil && string(current) == content {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o644)
}

// writeProgram writes a script that can be run.
func writeProgram(path, content string) error {
	return errors.Join(writeFile(path, content), os.Chmod(path, 0o755))
}

// existingNodes counts the nodes that the cluster has.
func (c *Cluster) existingNodes() (int, error) {
	for i := 0; ; i++ {
		_, err := os.Stat(c.state(plan.NodeName(i)))
		if errors.Is(err, os.ErrNotExist) {
			return i, nil
		}
		if err != nil {
			return 0, err
		}
	}
}
