package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/cgroup"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/network"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
)

// Up starts what the cluster lacks and waits until its nodes are ready. On a running cluster it changes nothing;
// what has died is started again, and what was started from other settings is restarted.
func (c *Cluster) Up(ctx context.Context, programs map[string]string) error {
	if err := Preflight(); err != nil {
		return err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	c.programs = programs

	existing, err := c.existingNodes()
	if err != nil {
		return err
	}
	if existing > c.Nodes {
		return fmt.Errorf("cluster %s has %d nodes, and nodes are not taken away: ask for %d, or run `cluster down --name %s` first",
			c.Name, existing, existing, c.Name)
	}
	began := time.Now()
	if err := c.prepare(); err != nil {
		return err
	}
	port, err := c.forwardPort()
	if err != nil {
		return err
	}
	if err := c.writeCredentials(port); err != nil {
		return err
	}
	if err := c.startControlPlane(ctx, port); err != nil {
		return err
	}
	for _, node := range c.NodeNames() {
		if err := c.startRuntime(ctx, node); err != nil {
			return err
		}
	}
	if err := c.startControllers(ctx); err != nil {
		return err
	}
	for _, node := range c.NodeNames() {
		if err := c.startNode(ctx, node); err != nil {
			return err
		}
	}
	if err := c.applyDNS(ctx); err != nil {
		return err
	}
	if err := c.waitUsable(ctx); err != nil {
		return err
	}
	if err := c.checkRunning(); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "cluster %s is ready with %d node(s), after %s\n", c.Name, c.Nodes, time.Since(began).Round(100*time.Millisecond))
	return nil
}

// prepare makes what the programs run in.
func (c *Cluster) prepare() error {
	for _, dir := range []string{c.run(), c.Volumes()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, dir := range c.binds(plan.NodeName(0)) {
		if err := ensureMountpoint(dir.target); err != nil {
			return err
		}
	}
	for _, part := range []string{plan.Control, cloudProgram} {
		if err := cgroup.Create(c.group(part)); err != nil {
			return err
		}
	}
	if err := network.Ensure(c.Cluster); err != nil {
		return err
	}
	return c.writeImages()
}

// waitUsable waits for what the first pod needs: ready nodes, and the default ServiceAccount, which a new
// namespace lacks for a moment.
func (c *Cluster) waitUsable(ctx context.Context) error {
	config, err := c.restConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	for _, name := range c.NodeNames() {
		err := c.waitFor(ctx, name+" to be ready", "kubelet-"+name, 2*time.Minute, func(ctx context.Context) error {
			node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			for _, condition := range node.Status.Conditions {
				if condition.Type == corev1.NodeReady {
					if condition.Status == corev1.ConditionTrue {
						return nil
					}
					return fmt.Errorf("%s: %s", condition.Reason, condition.Message)
				}
			}
			return fmt.Errorf("%s has not reported yet", name)
		})
		if err != nil {
			return err
		}
	}
	if err := c.waitFor(ctx, "the default ServiceAccount", controllerManager, time.Minute, func(ctx context.Context) error {
		_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err
	}); err != nil {
		return err
	}
	if err := c.waitFor(ctx, "the default StorageClass", cloudProgram, time.Minute, func(ctx context.Context) error {
		_, err := client.StorageV1().StorageClasses().Get(ctx, "standard", metav1.GetOptions{})
		return err
	}); err != nil {
		return err
	}
	return c.waitFor(ctx, "CoreDNS to be ready", "", 2*time.Minute, func(ctx context.Context) error {
		deployment, err := client.AppsV1().Deployments(metav1.NamespaceSystem).Get(ctx, "coredns", metav1.GetOptions{})
		if err == nil && (deployment.Status.ObservedGeneration != deployment.Generation || deployment.Status.AvailableReplicas == 0) {
			err = errors.New("no pod of it is ready: look at `cluster kubectl -- -n kube-system describe pods`")
		}
		return err
	})
}
