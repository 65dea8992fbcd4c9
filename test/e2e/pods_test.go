//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/operator"
)

// pod is what tests look at of a pod.
type pod struct {
	Name, UID, Node, Image string
	// HostIP is the address of its node.
	HostIP, Slot string
	// Passive is its slice of the passive range, as "first-last".
	Passive string
	// Restarts is how often its container has restarted.
	Restarts int
	// Ready is true of those that end, too.
	Ready, Ending bool
}

func (p pod) serves() bool { return p.Ready && !p.Ending }

const podFields = `jsonpath={range .items[*]}{.metadata.name}|{.metadata.uid}|{.spec.nodeName}|{.spec.containers[0].image}|` +
	`{.metadata.annotations.fileserver\.dev/passive-ports}|{.status.containerStatuses[0].restartCount}|` +
	`{.status.conditions[?(@.type=="Ready")].status}|{.metadata.deletionTimestamp}|{.status.hostIP}|{.metadata.labels.fileserver\.dev/slot}{"\n"}{end}`

func listPods(ctx context.Context, namespace string) ([]pod, error) {
	out, err := kube.Kubectl(ctx, "-n", namespace, "get", "pods", "-o", podFields)
	if err != nil {
		return nil, err
	}
	var pods []pod
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 10 {
			return nil, fmt.Errorf("kubectl describes a pod as %q", line)
		}
		restarts, _ := strconv.Atoi(f[5]) // a pod that starts has no container yet
		pods = append(pods, pod{
			Name: f[0], UID: f[1], Node: f[2], Image: f[3], Passive: f[4],
			Restarts: restarts, Ready: f[6] == "True", Ending: f[7] != "", HostIP: f[8], Slot: f[9],
		})
	}
	return pods, nil
}

// pods are those of the test's namespace.
func (n *space) pods() []pod {
	n.t.Helper()
	pods, err := listPods(n.t.Context(), n.name)
	if err != nil {
		n.t.Fatal(err)
	}
	return pods
}

// podOfSlot is the pod that serves a slot.
func (n *space) podOfSlot(slot int) pod {
	n.t.Helper()
	for _, p := range n.pods() {
		if p.Slot == strconv.Itoa(slot) && !p.Ending {
			return p
		}
	}
	n.t.Fatalf("no pod serves slot %d", slot)
	return pod{}
}

func serving(pods []pod) (serving int) {
	for _, p := range pods {
		if p.serves() {
			serving++
		}
	}
	return serving
}

// watchServing counts the pods that serve, again and again, until the function
// that it returns is called. That one returns the lowest count.
func (n *space) watchServing() func() int {
	ctx, stop := context.WithCancel(n.t.Context())
	lowest := make(chan int, 1)
	go func() {
		least, tick := 1000, time.NewTicker(200*time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				lowest <- least
				return
			case <-tick.C:
				if pods, err := listPods(ctx, n.name); err == nil {
					least = min(least, serving(pods))
				}
			}
		}
	}()
	return func() int {
		stop()
		return <-lowest
	}
}

// operatorPods are those of the operator.
func (n *space) operatorPods() []pod {
	n.t.Helper()
	pods, err := listPods(n.t.Context(), operator.Namespace)
	if err != nil {
		n.t.Fatal(err)
	}
	return pods
}

// scaleOperator scales the operator itself and waits until that is done.
func (n *space) scaleOperator(replicas int) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, args := range [][]string{
		{"scale", "deployment", operator.Release, fmt.Sprintf("--replicas=%d", replicas)},
		{"rollout", "status", "deployment", operator.Release},
	} {
		if _, err := kube.Kubectl(ctx, append([]string{"-n", operator.Namespace}, args...)...); err != nil {
			n.t.Fatal(err)
		}
	}
	if replicas == 0 {
		n.eventually("the operator is away", n.operatorAway)
	}
}

func (n *space) operatorAway() error {
	if pods := n.operatorPods(); len(pods) > 0 {
		return fmt.Errorf("the operator is there: %+v", pods)
	}
	return nil
}

// killOperator kills the operator's process, so that it can leave nothing in
// order, and keeps it from coming back until it is scaled up. A process that
// the kubelet starts before that acts on nothing: the lease of the one that was
// killed holds for some seconds more.
func (n *space) killOperator() {
	n.t.Helper()
	pods := n.operatorPods()
	i := slices.IndexFunc(pods, pod.serves)
	if i < 0 {
		n.t.Fatal("the operator does not run")
	}
	n.kill(pods[i])
	n.scaleOperator(0)
}

// kill kills the program of a pod.
func (n *space) kill(p pod) {
	n.t.Helper()
	insideOnly(n.t)
	if err := kube.Kill(p.UID); err != nil {
		n.t.Fatal(err)
	}
}

// throughout wants f to find nothing wrong for all of that time.
func (n *space) throughout(d time.Duration, f func() error) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), d)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := f(); err != nil {
				n.t.Fatal(err)
			}
		}
	}
}
