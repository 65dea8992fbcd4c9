package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/cgroup"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/network"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/process"
)

// systemGroup is the control group of a node's programs, beside that of its pods.
const systemGroup = "system"

// bind is a folder of a node that its programs see in place of the machine's.
type bind struct{ source, target string }

// binds are what kubelet, containerd, its shims, the CNI plugins and mount use whatever they are told. With a
// mount namespace for each node they do not meet, and all mounts vanish with the node's last process.
func (c *Cluster) binds(node string) []bind {
	return []bind{
		{c.run(node, "containerd"), "/run/containerd"},
		{c.run(node, "netns"), "/run/netns"},
		{c.run(node, "mount"), "/run/mount"},
		{c.state(node, "kubelet"), "/var/lib/kubelet"},
		{c.state(node, "cni"), "/var/lib/cni"},
		{c.state(node, "log"), "/var/log"},
	}
}

// mountNamespace is the file that keeps a node's mount namespace.
func (c *Cluster) mountNamespace(node string) string { return c.run(node, "mnt") }

// ensureMountNamespace makes a node's mount namespace unless it exists.
func (c *Cluster) ensureMountNamespace(ctx context.Context, node string) error {
	pin := c.mountNamespace(node)
	var fs unix.Statfs_t
	if unix.Statfs(pin, &fs) == nil && fs.Type == unix.NSFS_MAGIC {
		return nil
	}
	// The kernel keeps a mount namespace only below a mount that is not shared.
	if err := c.ensurePrivateRun(); err != nil {
		return err
	}
	var script strings.Builder
	for _, b := range c.binds(node) {
		if err := ensureMountpoint(b.target); err != nil {
			return err
		}
		if err := os.MkdirAll(b.source, 0o755); err != nil {
			return err
		}
		fmt.Fprintf(&script, "mount --no-mtab --bind '%s' '%s'\n", b.source, b.target) // no notes in /run/mount
	}
	if err := writeFile(pin, ""); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "unshare", "--mount="+pin, "--propagation=private", "sh", "-ec", script.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making the mount namespace of %s: %w: %s", node, err, out)
	}
	return nil
}

func (c *Cluster) ensurePrivateRun() error {
	dir := c.run()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	mounts, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	if slices.Contains(mounts, dir) {
		return nil
	}
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting %s: %w", dir, err)
	}
	return unix.Mount("", dir, "", unix.MS_PRIVATE, "")
}

// inNode describes a program in a node's namespaces.
func (c *Cluster) inNode(node, name, program string, args ...string) process.Process {
	return process.Process{
		Name: name + "-" + node,
		// nsenter and not `ip netns exec`, which mounts /sys anew and so hides the control groups.
		Prefix:  []string{"nsenter", "--net=" + network.Path(c.Namespace(node)), "--mount=" + c.mountNamespace(node)},
		Command: append([]string{program}, args...),
		Env:     []string{"PATH=" + c.programs["containerd"] + ":" + toolPath},
		Cgroup:  c.group(node, systemGroup),
	}
}

// startRuntime starts a node's containerd.
func (c *Cluster) startRuntime(ctx context.Context, node string) error {
	if err := cgroup.Create(c.group(node, systemGroup)); err != nil {
		return err
	}
	if err := c.ensureMountNamespace(ctx, node); err != nil {
		return err
	}
	i := c.index(node)
	if err := network.ApplyFilter(ctx, c.Namespace(node), network.EgressRules(i)); err != nil {
		return err
	}
	cniBin := [2]string{cniDir(), c.state(node, "cni-bin")}
	config := containerdConfig(c.state(node, "containerd"), c.socket(node), cniBin, c.state(node, "cni-config"))
	if err := errors.Join(
		writeProgram(filepath.Join(cniBin[1], noDAD), noDADProgram),
		writeFile(c.state(node, "containerd.toml"), config),
		writeFile(c.state(node, "cni-config", "10-pods.conflist"), cniConfig(i)),
	); err != nil {
		return err
	}
	p := c.inNode(node, "containerd", filepath.Join(c.programs["containerd"], "containerd"), "--config", c.state(node, "containerd.toml"))
	p.Config = []string{config}
	return c.ensure(ctx, p)
}

// startNode starts a node's kubelet and kube-proxy once its containerd answers.
func (c *Cluster) startNode(ctx context.Context, node string) error {
	if err := c.waitFor(ctx, "containerd of "+node, "containerd-"+node, time.Minute, func(ctx context.Context) error {
		_, err := c.ctr(ctx, node, "version")
		return err
	}); err != nil {
		return err
	}
	for _, image := range c.images() {
		if err := c.loadOn(ctx, node, image.archive); err != nil {
			return err
		}
	}
	addresses := strings.Join(plan.NodeAddresses(c.index(node)).Strings(), ",")
	kubelet := kubeletConfig(c.pki(), c.socket(node), "/"+c.group(node))
	proxy := proxyConfig(node, c.kubeconfigOf(kubeProxy), plan.NodeAddresses(c.index(node)))
	if err := errors.Join(
		writeFile(c.state(node, "kubelet.yaml"), kubelet),
		writeFile(c.state(node, "kube-proxy.yaml"), proxy),
	); err != nil {
		return err
	}
	p := c.inNode(node, "kubelet", c.kubernetes("kubelet"),
		"--config="+c.state(node, "kubelet.yaml"), "--kubeconfig="+c.kubeconfigOf(node),
		"--hostname-override="+node, "--node-ip="+addresses)
	p.Config = []string{kubelet}
	if err := c.ensure(ctx, p); err != nil {
		return err
	}
	p = c.inNode(node, kubeProxy, c.kubernetes(kubeProxy), "--config="+c.state(node, "kube-proxy.yaml"))
	p.Config = []string{proxy}
	return c.ensure(ctx, p)
}

func (c *Cluster) index(node string) int {
	for i, n := range c.NodeNames() {
		if n == node {
			return i
		}
	}
	panic("no such node: " + node)
}

// ctr talks to a node's containerd.
func (c *Cluster) ctr(ctx context.Context, node string, args ...string) (string, error) {
	args = append([]string{"--address", c.socket(node), "--namespace", "k8s.io"}, args...)
	out, err := exec.CommandContext(ctx, filepath.Join(c.programs["containerd"], "ctr"), args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("containerd of %s: %w: %s", node, err, lastLines(out, 3))
	}
	return string(out), nil
}
