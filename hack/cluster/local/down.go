package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/cgroup"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/network"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/process"
)

// Down removes everything of the cluster, in whatever state it is: processes, containers, namespaces,
// mounts, control groups, files. It goes by the cluster's control group and name, not by what `up` would
// start today.
//
// Pods are not asked to end. Their sandboxes need no care either: their network namespaces (cni-*) are
// mounted in the node's mount namespace, and go with it.
func (c *Cluster) Down(ctx context.Context) error {
	if err := checkPrivilege(); err != nil {
		return err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()

	if err := process.KillGroup(ctx, c.group()); err != nil {
		return err
	}
	if err := unmountBelow(c.run()); err != nil {
		return err
	}
	if err := unmountBelow(c.state()); err != nil {
		return err
	}
	namespaces, err := network.List()
	if err != nil {
		return err
	}
	for _, n := range namespaces {
		if c.OwnsNamespace(n) {
			err = errors.Join(err, network.Remove(n))
		}
	}
	err = errors.Join(err, cgroup.Remove(c.group()), os.RemoveAll(c.run()), os.RemoveAll(c.state()), os.Remove(c.lockFile()))
	if err == nil {
		err = c.removeShared()
	}
	if err == nil {
		fmt.Fprintf(c.Out, "cluster %s is gone\n", c.Name)
	}
	return err
}

// removeShared removes what all clusters share, when this was the last.
func (c *Cluster) removeShared() error {
	others, err := os.ReadDir(runRoot)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, o := range others {
		if o.Name() != filepath.Base(mountpoints) {
			return nil
		}
	}
	err = errors.Join(removeMountpoints(), cgroup.Remove(cgroup.Prefix))
	for _, dir := range []string{runRoot, c.StateRoot} {
		os.Remove(dir) //nolint:errcheck // it refuses a folder with something in it
	}
	return err
}
